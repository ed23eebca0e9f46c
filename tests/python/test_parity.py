"""Our logits against those of transformers, on checkpoints that transformers writes.

Every case is a small model of random weights (each parameter matters: none is zero or one) that is
saved, run by transformers in fp32, and given to `ssmprof verify` with the expected logits. verify
judges both backends against the file, against each other, and a token-by-token decode against one
prefill, all by relative error in norm.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.mamba2 import modeling_mamba2

PROGRAM = os.environ["SSMPROF_PROGRAM"]
LENGTHS = (1, 63, 300)
BATCH = 2
TOLERANCE = 1e-4

MAMBA1 = dict(hidden_size=32, state_size=16, num_hidden_layers=2, vocab_size=67, conv_kernel=4,
              expand=2, time_step_rank=4, use_bias=False, use_conv_bias=True,
              residual_in_fp32=True, tie_word_embeddings=True)
MAMBA2 = dict(hidden_size=64, state_size=16, num_hidden_layers=2, vocab_size=67, conv_kernel=4,
              expand=2, num_heads=4, head_dim=32, n_groups=1, chunk_size=32, use_bias=False,
              use_conv_bias=True, residual_in_fp32=True, tie_word_embeddings=True)

MAMBA1_CASES = {
    "plain": {},
    "odd state, width 3, biases": dict(state_size=13, conv_kernel=3, use_bias=True),
    "untied, no conv bias": dict(tie_word_embeddings=False, use_conv_bias=False),
    "expand 3, rank 5": dict(expand=3, time_step_rank=5, state_size=7),
    "residual not in fp32, one state": dict(residual_in_fp32=False, state_size=1),
    "own inner width, width 2": dict(hidden_size=40, intermediate_size=72, conv_kernel=2),
    "large state": dict(state_size=100, num_hidden_layers=1),
}
MAMBA2_CASES = {
    "plain": {},
    "2 groups, odd state": dict(n_groups=2, state_size=9),
    "4 groups, width 3, untied": dict(n_groups=4, conv_kernel=3, tie_word_embeddings=False),
    "head 64, biases": dict(num_heads=2, head_dim=64, use_bias=True, chunk_size=64),
    "head 64, 2 groups, no conv bias": dict(num_heads=2, head_dim=64, n_groups=2,
                                            use_conv_bias=False),
    "head 128": dict(num_heads=1, head_dim=128, state_size=21, chunk_size=256),
    "head 128, 2 groups, residual not in fp32": dict(hidden_size=128, num_heads=2, head_dim=128,
                                                     n_groups=2, residual_in_fp32=False),
    "head 128, 4 groups": dict(hidden_size=256, num_heads=4, head_dim=128, n_groups=4,
                               num_hidden_layers=1, state_size=11),
    "expand 3, 2 groups, biases": dict(expand=3, num_heads=6, n_groups=2, use_bias=True,
                                       conv_kernel=3),
    "time step limits": dict(time_step_limit=(0.02, 0.2), n_groups=2),
    "one chunk longer than all": dict(chunk_size=512, state_size=3),
}
LARGER = {"mamba": dict(hidden_size=256, num_hidden_layers=4, time_step_rank=16),
          "mamba2": dict(hidden_size=256, num_hidden_layers=4, num_heads=8, head_dim=64,
                         n_groups=2, state_size=48)}


def make_model(family, **changes):
    """A model of `family` whose parameters are all random and far from trivial."""
    if family == "mamba":
        config = transformers.MambaConfig(**{**MAMBA1, **changes})
        model = transformers.MambaForCausalLM(config)
    else:
        config = transformers.Mamba2Config(**{**MAMBA2, **changes})
        model = transformers.Mamba2ForCausalLM(config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("A_log"):
                p.copy_(torch.log(torch.empty_like(p).uniform_(0.5, 12)))
            elif name.endswith(("norm.weight", "norm_f.weight", ".D")):
                p.copy_(1 + 0.4 * torch.randn_like(p))
            elif name.endswith(("dt_bias", "dt_proj.bias")):
                p.copy_(torch.empty_like(p).uniform_(-5, 1))
            elif name.endswith("bias"):
                p.copy_(0.3 * torch.randn_like(p))
            elif "embeddings" in name:
                p.copy_(0.5 * torch.randn_like(p))
            else:
                fan_in = p[0].numel()
                p.copy_(torch.randn_like(p) / fan_in**0.5)
    return model.float().eval()


def expected_logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits.float().contiguous()


class Parity:
    """Runs the comparisons, two at a time, and counts."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.workers = ThreadPoolExecutor(2)
        self.running = []
        self.names = 0

    def new_path(self, kind):
        self.names += 1
        return self.folder / f"{kind}-{self.names}"

    def tokens(self, length, vocab=67):
        ids = torch.randint(0, vocab, (BATCH, length))
        path = self.new_path("tokens").with_suffix(".json")
        path.write_text(json.dumps(ids.tolist()))
        return ids, path

    def verify(self, what, checkpoint, logits, tokens, *, dtype="fp32", tolerance=TOLERANCE,
               fails=False):
        """Every line that verify prints must be within the tolerance (or, `fails`, not)."""
        expected = self.new_path("expected").with_suffix(".safetensors")
        save_file({"logits": logits}, expected)
        command = [PROGRAM, "verify", "--model", checkpoint, "--tokens", tokens, "--expect",
                   expected, "--dtype", dtype, "--backend", "torch,native", "--device", "cpu",
                   "--tolerance", str(tolerance), "--threads", "1"]

        def judge():
            done = subprocess.run(command, capture_output=True, text=True, timeout=600,
                                  check=False)
            compared = done.stdout.count("against --expect")
            if done.returncode != (1 if fails else 0) or compared != 2:
                print(f"FAILED: {what}: exit code {done.returncode}\n{done.stdout}{done.stderr}",
                      flush=True)
                return False, 0.0
            errors = re.findall(r"relative error (\S+)", done.stdout)
            return True, max(map(float, errors)) if dtype == "fp32" and not fails else 0.0

        self.running.append(self.workers.submit(judge))

    def finish(self):
        """(comparisons, failures, the largest error of those in fp32)."""
        results = [job.result() for job in self.running]
        return len(results), sum(not good for good, _ in results), max(e for _, e in results)

    def save(self, model, **more):
        path = self.new_path("model")
        model.save_pretrained(path, **more)
        return path

    def case(self, family, name, changes, lengths=LENGTHS):
        model = make_model(family, **changes)
        checkpoint = self.save(model)
        for length in lengths:
            ids, tokens = self.tokens(length)
            self.verify(f"{family}, {name}, L = {length}", checkpoint,
                        expected_logits(model, ids), tokens)


def files_of_other_kinds(parity):
    """Sharded, 16-bit and state-spaces files of the same weights."""
    for family in ("mamba", "mamba2"):
        model = make_model(family)
        ids, tokens = parity.tokens(63)
        sharded = parity.save(model, max_shard_size="20KB")
        assert (sharded / "model.safetensors.index.json").exists(), "the index was not written"
        parity.verify(f"{family}, sharded", sharded, expected_logits(model, ids), tokens)
        for dtype in (torch.bfloat16, torch.float16):
            stored = parity.save(model.to(dtype))
            rounded = expected_logits(model.float(), ids)
            parity.verify(f"{family}, stored in {dtype}", stored, rounded, tokens)
            short = "bf16" if dtype == torch.bfloat16 else "fp16"
            parity.verify(f"{family}, run in {short}", stored, rounded, tokens, dtype=short,
                          tolerance=0.05 if short == "bf16" else 0.01)


def state_spaces_folder(parity, model, family):
    """The same weights in the layout of the original repository."""
    hf = parity.save(model)
    tensors = {k.replace("embeddings", "embedding"): v
               for k, v in load_file(hf / "model.safetensors").items()}
    folder = parity.new_path("state-spaces")
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    c = model.config
    ssm = {"d_state": c.state_size, "d_conv": c.conv_kernel, "expand": c.expand}
    if family == "mamba":
        ssm.update(layer="Mamba1", dt_rank=c.time_step_rank)
    else:
        ssm.update(layer="Mamba2", headdim=c.head_dim, ngroups=c.n_groups,
                   chunk_size=c.chunk_size)
    (folder / "config.json").write_text(json.dumps({
        "d_model": c.hidden_size, "n_layer": c.num_hidden_layers, "vocab_size": c.vocab_size,
        "pad_vocab_size_multiple": 1, "ssm_cfg": ssm, "rms_norm": True, "residual_in_fp32": True,
        "fused_add_norm": True, "tie_embeddings": True}))
    return folder


def state_spaces(parity):
    for family in ("mamba", "mamba2"):
        model = make_model(family)
        ids, tokens = parity.tokens(63)
        folder = state_spaces_folder(parity, model, family)
        parity.verify(f"{family}, state-spaces layout", folder, expected_logits(model, ids), tokens)

    # With several groups mamba_ssm normalizes each of them; transformers the whole inner width.
    model = make_model("mamba2", n_groups=2)
    ids, tokens = parity.tokens(63)
    folder = state_spaces_folder(parity, model, "mamba2")
    parity.verify("mamba2, 2 groups, state-spaces is not transformers", folder,
                  expected_logits(model, ids), tokens, fails=True)
    whole = modeling_mamba2.MambaRMSNormGated.forward

    def per_group(self, hidden_states, gate=None):
        x = (hidden_states * torch.nn.functional.silu(gate)).unflatten(-1, (2, -1))
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * x.flatten(-2)

    modeling_mamba2.MambaRMSNormGated.forward = per_group
    try:
        parity.verify("mamba2, 2 groups, state-spaces layout", folder,
                      expected_logits(model, ids), tokens)
    finally:
        modeling_mamba2.MambaRMSNormGated.forward = whole


def must_notice(parity):
    """The comparison itself can fail: where the layer has lost its D, it must."""
    for family in ("mamba", "mamba2"):
        model = make_model(family)
        checkpoint = parity.save(model)
        ids, tokens = parity.tokens(63)
        with torch.no_grad():
            model.backbone.layers[1].mixer.D.zero_()
        parity.verify(f"{family}, D dropped", checkpoint, expected_logits(model, ids), tokens,
                      fails=True)


def main():
    torch.manual_seed(20251122)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ssmprof-parity-") as folder:
        parity = Parity(folder)
        for name, changes in MAMBA1_CASES.items():
            parity.case("mamba", name, changes)
        for name, changes in MAMBA2_CASES.items():
            parity.case("mamba2", name, changes)
        for family, changes in LARGER.items():
            parity.case(family, "larger", changes, lengths=(300,))
        files_of_other_kinds(parity)
        state_spaces(parity)
        must_notice(parity)
        count, failures, worst = parity.finish()
    print(f"{count} comparisons, {failures} failed, largest relative error {worst:.2e}, "
          f"{time.monotonic() - begin:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
