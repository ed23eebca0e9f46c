"""scripts/compare_accuracy on small models on the CPU: 16 bits are no worse than transformers', and
the comparison itself can fail."""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import sys
import tempfile

import safetensors.torch
import torch
import transformers

SOURCE = pathlib.Path(os.environ["SSMPROF_SOURCE_DIR"])
MAMBA1 = dict(model_type="mamba", architectures=["MambaForCausalLM"], hidden_size=128,
              state_size=16, num_hidden_layers=4, vocab_size=509, conv_kernel=4, expand=2,
              intermediate_size=256, time_step_rank=8, use_bias=False, use_conv_bias=True,
              residual_in_fp32=True, tie_word_embeddings=True, layer_norm_epsilon=1e-5)
MAMBA2 = dict(model_type="mamba2", architectures=["Mamba2ForCausalLM"], hidden_size=128,
              state_size=32, num_hidden_layers=4, vocab_size=509, conv_kernel=4, expand=2,
              num_heads=8, head_dim=32, n_groups=1, chunk_size=64, use_bias=False,
              use_conv_bias=True, residual_in_fp32=True, tie_word_embeddings=True,
              layer_norm_epsilon=1e-5)


def load_script():
    """The script as a module."""
    path = str(SOURCE / "scripts" / "compare_accuracy")
    loader = importlib.machinery.SourceFileLoader("compare_accuracy", path)
    spec = importlib.util.spec_from_loader("compare_accuracy", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def judged(script, folder, config, *more):
    """(exit code, what it wrote)."""
    source = folder / f"small-{config['model_type']}.json"
    source.write_text(json.dumps(config))
    output = folder / "accuracy.json"
    code = script.main(["--models", str(source), "--seqlen", "96", "--device", "cpu", "--threads",
                        "1", "--program", os.environ["SSMPROF_PROGRAM"], "-o", str(output), *more])
    return code, json.loads(output.read_text())["models"][source.stem]


def check_components(found, family):
    own = "scan" if family == "mamba" else "ssd"
    for table in ("torch", "native", "native with fusion"):
        rows = found["components"][table]
        results = {(r["component"], r["result"], r["stage"]) for r in rows}
        for stage in ("prefill", "continue", "decode"):
            assert (own, "state", stage) in results and ("head", "output", stage) in results
        verdicts = {r["verdict"] for r in rows}
        assert verdicts == ({"ok", "none"} if table == "torch" else {"ok"}), verdicts


def check_stored():
    """What is committed was good when it was measured, with every component in it."""
    stored = sorted((SOURCE / "docs" / "results").rglob("accuracy*.json"))
    assert stored, "nothing is stored"
    for path in stored:
        for name, found in json.loads(path.read_text())["models"].items():
            check_components(found, "mamba2" if name.startswith("mamba2") else "mamba")
            for backend in ("torch", "native"):
                assert found[backend]["ratio"] <= found[backend]["bar"] == 1.25, (path, backend)
                assert found[backend]["error_in_fp32"] < 1e-4, (path, backend)


def main():
    script = load_script()
    check_stored()
    torch.manual_seed(1)
    assert transformers.__version__
    with tempfile.TemporaryDirectory(prefix="ssmprof-test-") as name:
        folder = pathlib.Path(name)
        for config in (MAMBA1, MAMBA2):
            family = config["model_type"]
            code, found = judged(script, folder, config)
            assert code == 0, f"{family}: exit code {code}"
            for backend in script.BACKENDS:
                assert 1e-4 < found[backend]["error"] < 0.1, found[backend]
                assert found[backend]["error_in_fp32"] < 1e-4, found[backend]
            check_components(found, family)

        # A bar that nobody meets, and a model that has lost a little of its D.
        code, found = judged(script, folder, MAMBA2, "--bar", "0.01")
        assert code == 1, "a bar of 0.01 was met"
        save = script.save_checkpoint

        def spoiled(model, dtype, where):
            save(model, dtype, where)
            tensors = safetensors.torch.load_file(where / "model.safetensors")
            for key, tensor in tensors.items():
                if key.endswith(".D"):
                    tensor.mul_(0.75)
            safetensors.torch.save_file(tensors, where / "model.safetensors")

        script.save_checkpoint = spoiled
        code, found = judged(script, folder, MAMBA1, "--bar", "1e9")
        assert code == 1, "wrong weights went unnoticed"
        assert found["native"]["error_in_fp32"] > 1e-3, found["native"]
    print("4 comparisons, as they must be")


main()
