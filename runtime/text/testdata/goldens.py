"""Makes tokenizers/*.json and goldens.jsonl, and families.jsonl from real tokenizers.

Usage: python goldens.py [CACHE/tokenizers], with tokenizers 0.23.3 installed.
Vocabularies are trained on the sentences below.
"""
import json, pathlib, random, sys
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
CORPUS = [
    "The reward model reads a prompt and two answers, and says which of them people prefer.",
    "It's not what they'd said; we'll see that they've changed it, and I'm sure you're right.",
    "In 2024 there were 1234 of 56789 rows, 3.5% of them with a margin over 0.25.",
    "def score(x):\n    return x @ w  # a comment\n\n\nprint(score(1))\r\n",
    "Größe, naïve café, Ωμέγα, привет мир, 日本語の文, 한국어, مرحبا",
] * 4
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ADDED = [
    AddedToken("<s>", special=True), AddedToken("<left>", lstrip=True, special=True), AddedToken("<right>", rstrip=True, special=True),
    AddedToken("word", single_word=True, normalized=False), AddedToken("Größe", normalized=True), AddedToken("<a", normalized=False), AddedToken("<ab", normalized=False),
]


def bpe(name, pre, *, normalizer=None, post=None, decoder=None, alphabet=(), added=ADDED, **options):
    t = Tokenizer(models.BPE(**options))
    if pre is not None:
        t.pre_tokenizer = pre
    if normalizer is not None:
        t.normalizer = normalizer
    special = [options["unk_token"]] if options.get("unk_token") else []
    if options.get("byte_fallback"):
        special += [f"<0x{i:02X}>" for i in range(256)]
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=list(alphabet), show_progress=False))
    t = Tokenizer.from_str(json.dumps({**json.loads(t.to_str()), "added_tokens": []}))
    t.add_tokens(added)
    if post == "bos":
        t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", t.token_to_id("<s>"))])
    elif post is not None:
        t.post_processor = post
    if decoder is not None:
        t.decoder = decoder
    (HERE / "tokenizers" / f"{name}.json").write_text(json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")


def make():
    level, split, chain = pre_tokenizers.ByteLevel, pre_tokenizers.Split, pre_tokenizers.Sequence
    letters = level.alphabet()
    spm = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    spaces = normalizers.Replace(" ", "▁")
    bpe("gpt2", level(add_prefix_space=True), alphabet=letters, decoder=decoders.ByteLevel(), post=processors.ByteLevel())
    bpe("llama3", chain([split(Regex(LLAMA3), "isolated"), level(add_prefix_space=False, use_regex=False)]), alphabet=letters, ignore_merges=True,
        decoder=decoders.ByteLevel(), post=processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A <s>", pair="$A $B", special_tokens=[("<s>", 0)])]))
    bpe("o200k", chain([split(Regex(O200K), "isolated"), level(add_prefix_space=False, use_regex=False)]), alphabet=letters, normalizer=normalizers.NFC(), decoder=decoders.ByteLevel())
    bpe("smollm", chain([pre_tokenizers.Digits(True), level(add_prefix_space=False)]), alphabet=letters[:200], unk_token="<u>", decoder=decoders.ByteLevel())
    bpe("prepend", None, normalizer=normalizers.Sequence([normalizers.Prepend("▁"), spaces]), byte_fallback=True, fuse_unk=True, unk_token="<u>", decoder=spm, post="bos")
    bpe("gemma", split(" ", "merged_with_previous"), normalizer=spaces, byte_fallback=True, fuse_unk=True, unk_token="<u>", decoder=spm, post="bos")
    bpe("first", pre_tokenizers.Metaspace(prepend_scheme="first", split=False), byte_fallback=True, unk_token="<u>", decoder=spm)
    bpe("metaspace", pre_tokenizers.Metaspace(), unk_token="<u>", fuse_unk=True, decoder=decoders.Metaspace(), normalizer=normalizers.NFKC())
    bpe("never", pre_tokenizers.Metaspace(prepend_scheme="never"), unk_token="<u>", decoder=decoders.Metaspace(prepend_scheme="never"), normalizer=normalizers.NFD())
    bpe("lower", chain([split(Regex(r"\p{P}"), "merged_with_next"), pre_tokenizers.Digits(False)]),
        normalizer=normalizers.Sequence([normalizers.Strip(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), "_"), normalizers.NFKD()]))
    bpe("removed", chain([split(Regex(r"[,;.]+"), "removed"), split(Regex(r"\p{L}+"), "contiguous", invert=True)]), unk_token="<u>")
    bpe("spaces", pre_tokenizers.WhitespaceSplit())


def texts(n):
    rng = random.Random(11)
    parts = ["The", " model", " it's", "They'D", "12345", "3.5%", "\n", "\n\n", "\r\n", "  ", "   ", "\t", " ", " ", "word", "words", "<s>", "<left>", " <left> ", "<right>  ", "<ab", "<a", "<abc",
             "Größe", "Gro\u0308ße", "é", "e\u0301", "ﬁ", "①", "İ", "ſ", "'ſ", "日本語", "한국어", "🚀", "👩‍👧", "▁", "Ġ", "\u00a0", "\u3000", "\x00", "\x7f", "\u200b", "_", "__x__", "(a+b)", "!!!", "…", ",;.", "\U00011935\U00011930", "\u0c3c\u0334", "\U0001e5f1", "\ua7dc"]
    return [""] + ["".join(rng.choice(parts) for _ in range(rng.choice([1, 2, 3, 5, 9]))) for _ in range(n)]


def row(t, name, text):
    ids = t.encode(text, add_special_tokens=False).ids
    return json.dumps({"tokenizer": name, "text": text, "ids": ids, "special": t.encode(text).ids, "decoded": t.decode(ids, skip_special_tokens=False)}, ensure_ascii=False) + "\n"


make()
with open(HERE / "goldens.jsonl", "w") as f:
    for path in sorted((HERE / "tokenizers").glob("*.json")):
        t = Tokenizer.from_file(str(path))
        f.writelines(row(t, path.stem, text) for text in texts(60))
if len(sys.argv) > 1:
    with open(HERE / "families.jsonl", "w") as f:
        for name in ["gpt2", "llama3_1", "qwen3", "gemini", "gemma3", "deepseek_v3", "llama2"]:
            t = Tokenizer.from_file(f"{sys.argv[1]}/tokenizer-{name}-3.7.2/tokenizer.json")
            f.writelines(row(t, name, text) for text in texts(60))
