"""verify --components: one table per backend, and exit code 1 when a component is beyond its limit."""

import array
import json
import pathlib
import random
import re
import struct

import support

CONFIG = {"architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": 32,
          "num_hidden_layers": 2, "intermediate_size": 64, "expand": 2, "state_size": 8,
          "conv_kernel": 4, "time_step_rank": 4, "vocab_size": 61, "hidden_act": "silu",
          "layer_norm_epsilon": 1e-5, "use_bias": False, "use_conv_bias": True,
          "residual_in_fp32": True, "tie_word_embeddings": False}
LAYER = {"norm.weight": [32], "mixer.in_proj.weight": [128, 32], "mixer.conv1d.weight": [64, 1, 4],
         "mixer.conv1d.bias": [64], "mixer.x_proj.weight": [20, 64],
         "mixer.dt_proj.weight": [64, 4], "mixer.dt_proj.bias": [64], "mixer.A_log": [64, 8],
         "mixer.D": [64], "mixer.out_proj.weight": [32, 64]}


def write_checkpoint(folder, scale_of):
    """Random weights, each tensor times scale_of(name), as a safetensors file."""
    shapes = {"backbone.embeddings.weight": [61, 32], "backbone.norm_f.weight": [32],
              "lm_head.weight": [61, 32]}
    for layer in range(CONFIG["num_hidden_layers"]):
        shapes.update({f"backbone.layers.{layer}.{k}": v for k, v in LAYER.items()})
    draw = random.Random(3)
    header, data = {}, b""
    for name, shape in shapes.items():
        count = 1
        for size in shape:
            count *= size
        values = array.array("f", (draw.gauss(0, 0.3) * scale_of(name) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + 4 * count]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    folder = pathlib.Path(folder)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def tables(text):
    """{title: [(verdict, component, result, stage), …]}"""
    found, rows = {}, None
    for line in text.splitlines():
        title = re.match(r"components of (.+) against fp64", line)
        if title:
            rows = found.setdefault(title[1], [])
        words = line.split()
        if rows is not None and len(words) == 8 and words[0] in ("ok", "FAIL", "-"):
            rows.append(tuple(words[:4]))
    return found


def main():
    support.needs_torch()
    checks = support.Checks()
    for model, own in (("mamba-tiny", "scan"), ("mamba2-tiny", "ssd")):
        for dtype in ("fp32", "bf16"):
            done = support.run("verify", "--model", model, "--device", "cpu", "--dtype", dtype,
                               "--components")
            found = tables(done.stdout)
            checks.check(done.returncode == 0 and not done.stderr,
                         f"{model} {dtype}: exit code {done.returncode}: {done.stderr}")
            checks.check(list(found) == ["torch", "native", "native with fusion"],
                         f"{model} {dtype}: tables {list(found)}")
            for title, rows in found.items():
                verdicts = {row[0] for row in rows}
                checks.check(verdicts == ({"ok", "-"} if title == "torch" else {"ok"}),
                             f"{model} {dtype} {title}: verdicts {verdicts}")
                for stage in ("prefill", "continue", "decode"):
                    checks.check(any(row[1:] == (own, "state", stage) for row in rows),
                                 f"{model} {dtype} {title}: no state of {own} in {stage}")
    one = support.run("verify", "--model", "mamba-tiny", "--device", "cpu", "--components",
                      "--backend", "torch")
    checks.check(one.returncode == 0 and list(tables(one.stdout)) == ["torch"],
                 "only the backend that was asked for")
    without = support.run("verify", "--model", "mamba-tiny", "--device", "cpu")
    checks.check("components" not in without.stdout, "no table without --components")

    # Weights that fp16 cannot hold: the head overflows.
    with support.scratch() as folder:
        def scale(name):
            return 1e6 if name == "lm_head.weight" else 1

        checkpoint = write_checkpoint(folder, scale)
        for dtype, code in (("fp32", 0), ("fp16", 1)):
            done = support.run("verify", "--model", checkpoint, "--device", "cpu", "--dtype", dtype,
                               "--components", "--backend", "native", "--tolerance", "1")
            failed = {row[1] for rows in tables(done.stdout).values() for row in rows
                      if row[0] == "FAIL"}
            checks.check(done.returncode == code, f"overflow in {dtype}: {done.returncode}: "
                         f"{done.stdout}{done.stderr}")
            checks.check(failed == ({"head"} if code else set()), f"overflow in {dtype}: {failed}")
            checks.check(("beyond their limits" in done.stderr) == (code == 1),
                         f"overflow in {dtype} says: {done.stderr}")
    checks.finish()


main()
