"""Runs the Python in the card of an exported reward: the other side of a conformance test.

Each line of standard input is a job, {"folder": …, "rows": […]}: a folder that trainer export wrote of a reward, and
conversations as lists of messages {role, content}, the last of which is the response, or {"of": […]}, what the card's
score takes. Each line of standard output answers one: {"scores": […]}, of rows with several numbers all of them.
"""

import json
import os
import re
import sys


def answer(job):
    os.chdir(job["folder"])
    with open("README.md") as card:
        code = re.search(r"```python\n(.*?)```", card.read(), re.DOTALL).group(1)
    program = {}
    exec(code, program)
    scores = []
    for row in job["rows"]:
        said = program["score"](*row["of"]) if isinstance(row, dict) else program["score"](row)
        scores += map(float, said) if isinstance(said, list) else [float(said)]
    return {"scores": scores}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
