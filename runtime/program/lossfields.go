package program

import (
	"fmt"
	"reflect"
	"strings"
)

// Fields that change how fast a stage runs, or what it keeps, and no loss.
var neutral = []string{"train.micro", "train.buckets", "train.save", "model.tune.checkpoint"}

// LossFields lists every value of a train stage's recipe that its losses depend
// on, by the path that a recipe gives it.
func LossFields(s Stage) map[string]string {
	fields := map[string]string{}
	Fields(fields, "model", reflect.ValueOf(s.Model))
	Fields(fields, "data", reflect.ValueOf(s.Data))
	Fields(fields, "train", reflect.ValueOf(s.Train))
	for _, path := range neutral {
		if path != "train.save" || s.Train.Validate.Kind != "holdout" { // which steps are measured, and may be kept
			delete(fields, path)
		}
	}
	return fields
}

// Fields adds the tagged fields of a spec struct, of those inside it, and what its maps hold.
func Fields(into map[string]string, path string, v reflect.Value) {
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("rmr"), ",")
		name = strings.TrimPrefix(name, ":")
		field := v.Field(i)
		switch {
		case field.Kind() == reflect.Struct && name != "":
			Fields(into, path+"."+name, field)
		case option == "rest" && field.Kind() == reflect.Map:
			for _, key := range field.MapKeys() {
				into[path+"."+key.String()] = fmt.Sprint(field.MapIndex(key).Interface())
			}
		case name == "" && v.Type().Field(i).Name == "Kind":
			into[path] = fmt.Sprint(field.Interface())
		case name != "":
			into[path+"."+name] = fmt.Sprint(field.Interface())
		}
	}
}
