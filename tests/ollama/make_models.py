"""Write tiny GGUF models that a real Ollama loads on a CPU in a moment, with answers known in advance.

    pip install gguf numpy
    python make_models.py OUT [--width 256] [--layers 1] [--prefix slow-] [--only NAME ...]
    ollama create counter -f OUT/counter.Modelfile                    # then thinker, tooler, endless

Each model is a Markov chain held in the embedding and output matrices; every block adds zero, so
the next token depends on the last one alone. What they answer, whatever the question:

    counter   " 1 2 3 ... 400" and stops: gaps, repeats and reordering in a relayed answer show at once;
              with a last message of role assistant that ends in " 57" it goes on with " 58"
    endless   counts to 9999 and starts again: it never stops by itself
    thinker   thinks " a b c ... t", then " 1 2 3 ... 40"
    tooler    one call of the tool get_time({"zone": "UTC"})

A wider or deeper model (--width 2048 --layers 8) answers the same, only slower: a few tokens a second
on one core, for stop, reload and takeover tests against the real thing.
"""

import argparse
import itertools
import pathlib

import gguf
import numpy as np

BOS, EOS, UNK = "<s>", "</s>", "<unk>"
CONTROL = ["<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<|end|>"]
LETTERS = [f"▁{c}" for c in "abcdefghijklmnopqrst"]
CALL = '{"name": "get_time", "parameters": {"zone": "UTC"}}'


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Tokens, scores and types: controls, 256 bytes, the numbers 1 to 9999, letters, the tool call."""
    kinds = gguf.TokenType
    tokens = [(UNK, 0.0, kinds.UNKNOWN), (BOS, 0.0, kinds.CONTROL), (EOS, 0.0, kinds.CONTROL)]
    tokens += [(f"<0x{b:02X}>", 0.0, kinds.BYTE) for b in range(256)]
    tokens += [(c, 0.0, kinds.CONTROL) for c in CONTROL]
    tokens += [(w, 0.0, kinds.USER_DEFINED) for w in ("<think>", "</think>", CALL)]
    tokens += [("▁", -1.0, kinds.NORMAL)]
    tokens += [(f"▁{n}", -float(n) / 1e4, kinds.NORMAL) for n in range(1, 10_000)]
    tokens += [(w, -2.0, kinds.NORMAL) for w in LETTERS]
    names, scores, types = zip(*tokens, strict=True)
    return list(names), list(scores), [int(t) for t in types]


def chains() -> dict[str, list[tuple[str, str]]]:
    """For each model, which token follows which."""

    def count(last: int) -> list[tuple[str, str]]:
        return [(f"▁{n}", f"▁{n + 1}") for n in range(1, last)]

    start = "<|assistant|>"
    return {
        "counter": [(start, "▁1"), *count(400), ("▁400", EOS)],
        "endless": [(start, "▁1"), *count(9999), ("▁9999", "▁1")],
        "thinker": [
            (start, "<think>"),
            ("<think>", LETTERS[0]),
            *itertools.pairwise(LETTERS),
            (LETTERS[-1], "</think>"),
            ("</think>", "▁1"),
            *count(40),
            ("▁40", EOS),
        ],
        "tooler": [(start, CALL), (CALL, EOS)],
    }


def write(path: pathlib.Path, name: str, chain: list[tuple[str, str]], width: int, layers: int) -> None:
    """Write one GGUF file: float16 matrices, `width` must be a multiple of 64."""
    tokens, scores, types = vocabulary()
    index = {t: i for i, t in enumerate(tokens)}
    rng = np.random.default_rng(7)
    embed = rng.choice([-1.0, 1.0], size=(len(tokens), width)).astype(np.float32)
    output = np.zeros_like(embed)
    for a, b in chain:
        output[index[b]] += embed[index[a]] * (32.0 / width)
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(name)
    w.add_context_length(32768)
    w.add_embedding_length(width)
    w.add_block_count(layers)
    w.add_feed_forward_length(width * 4)
    w.add_head_count(width // 64)
    w.add_head_count_kv(width // 64)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(64)
    w.add_vocab_size(len(tokens))
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores(scores)
    w.add_token_types(types)
    w.add_bos_token_id(index[BOS])
    w.add_eos_token_id(index[EOS])
    w.add_unk_token_id(index[UNK])
    w.add_add_bos_token(True)
    w.add_add_space_prefix(False)
    half = np.float16
    w.add_tensor("token_embd.weight", embed.astype(half))
    w.add_tensor("output_norm.weight", np.ones(width, np.float32))
    w.add_tensor("output.weight", output.astype(half))
    for block in range(layers):
        for part in ("attn_norm", "ffn_norm"):
            w.add_tensor(f"blk.{block}.{part}.weight", np.ones(width, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            w.add_tensor(f"blk.{block}.{part}.weight", np.zeros((width, width), half))
        for part in ("ffn_gate", "ffn_up"):
            w.add_tensor(f"blk.{block}.{part}.weight", np.zeros((width * 4, width), half))
        w.add_tensor(f"blk.{block}.ffn_down.weight", np.zeros((width, width * 4), half))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def modelfile(name: str, gguf_name: str) -> str:
    """The Modelfile: a last message of role assistant stays open, so that the model goes on from it."""
    template = (
        "{{- $last := len (slice .Messages 1) }}"
        "{{- range $i, $m := .Messages }}<|{{ $m.Role }}|>{{ $m.Content }}"
        '{{- if not (and (eq $i $last) (eq $m.Role "assistant")) }}<|end|>{{ end }}'
        '{{- if and (eq $i $last) (ne $m.Role "assistant") }}<|assistant|>{{ end }}{{ end }}'
    )
    if name == "thinker":
        template = template.replace(
            "{{ $m.Content }}",
            "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ $m.Content }}",
        )
    if name == "tooler":
        template = "{{- if .Tools }}<|system|>{{ .Tools }}<|end|>{{ end }}" + template.replace(
            "{{ $m.Content }}",
            '{{ range $m.ToolCalls }}{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}'
            "{{ $m.Content }}",
        )
    return f'FROM ./{gguf_name}\nTEMPLATE """{template}"""\nPARAMETER temperature 0\nPARAMETER num_ctx 4096\n'


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("out", type=pathlib.Path)
    cli.add_argument("--width", type=int, default=256)
    cli.add_argument("--layers", type=int, default=1)
    cli.add_argument("--prefix", default="", help="put before each model's name")
    cli.add_argument("--only", nargs="*", help="names of the models to write")
    args = cli.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, chain in chains().items():
        if args.only and name not in args.only:
            continue
        path = args.out / f"{args.prefix}{name}.gguf"
        write(path, name, chain, args.width, args.layers)
        path.with_suffix(".Modelfile").write_text(modelfile(name, path.name))
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
