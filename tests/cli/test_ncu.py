"""ssmprof ncu prints the command for a GPU, which need not be here."""

import support


def main():
    checks = support.Checks()
    ncu = ["ncu", "--model", "mamba2-tiny", "--component"]
    for extra, path in ((["--layer", "1"], "src_bf16"), (["--dtype", "fp16"], "src_fp16")):
        done = support.run(*ncu, "ssm", *extra)
        layer = "01" if "--layer" in extra else "00"
        checks.check(done.returncode == 0, f"{extra}: {done.returncode} {done.stderr}")
        checks.check(f"ssmprof@layer.{layer}/ssd/" in done.stdout, f"{extra}: {done.stdout}")
        checks.check(path in done.stdout, f"{extra}: no {path} in {done.stdout}")
    done = support.run(*ncu, "conv,ssm", "--mode", "decode", "--device", "cuda", "--layer", "0,2")
    ranges = [f"ssmprof@layer.{i}/{c}/" for i in ("00", "02") for c in ("conv", "ssd")]
    checks.check(all(r in done.stdout for r in ranges), f"{done.stdout}{done.stderr}")
    checks.finish()


main()
