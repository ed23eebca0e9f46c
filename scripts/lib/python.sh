# LibTorch, CMake and ninja: what is here is used; the rest comes as pinned wheels into .venv.

minimum_torch=2.6
minimum_cmake=3.28

# torch_in_prefix DIR: prints "PREFIX VERSION" when DIR holds a TorchConfig.cmake.
torch_in_prefix() {
  local config version
  for config in "$1"/Torch "$1"/share/cmake/Torch "$1"/lib/cmake/Torch; do
    [ -f "$config/TorchConfig.cmake" ] || continue
    version=$(sed -n 's/.*set(PACKAGE_VERSION "\([0-9.]*\).*/\1/p' \
      "$config/TorchConfigVersion.cmake" 2>/dev/null | head -n 1)
    echo "$(dirname "$config") ${version:-0}"
    return 0
  done
  return 1
}

# torch_in_python PYTHON: prints "PREFIX VERSION CUDA SITE" of an importable torch, without
# importing it (CUDA is "none" for a build without it).
torch_in_python() {
  command -v "$1" >/dev/null 2>&1 || return 1
  "$1" - <<'PY' 2>/dev/null
import importlib.util, os, sys
spec = importlib.util.find_spec("torch")
if spec is None or not spec.origin:
    sys.exit(1)
folder = os.path.dirname(spec.origin)
prefix = os.path.join(folder, "share", "cmake")
if not os.path.exists(os.path.join(prefix, "Torch", "TorchConfig.cmake")):
    sys.exit(1)
facts = {}
with open(os.path.join(folder, "version.py")) as file:
    exec(file.read(), facts)
print(prefix, str(facts["__version__"]).split("+")[0], facts.get("cuda") or "none",
      os.path.dirname(folder))
PY
}

# Sets torch_prefix (empty: none usable), torch_site (its site-packages, or empty) and torch_from.
find_torch() {
  torch_prefix='' torch_site='' torch_from=''
  local directory found version cuda
  for directory in ${Torch_DIR:+"$Torch_DIR/.."} \
    $(printf '%s' "${CMAKE_PREFIX_PATH:-}" | tr ':;' '  '); do
    if found=$(torch_in_prefix "$directory"); then
      read -r torch_prefix version <<<"$found"
      torch_from="LibTorch $version of CMAKE_PREFIX_PATH"
      return 0
    fi
  done
  local site
  if found=$(torch_in_python python3); then
    read -r directory version cuda site <<<"$found"
    if ! version_at_least "$version" $minimum_torch; then
      say "torch $version of python3 is older than $minimum_torch: not used"
    elif [ "$cuda" != none ] && [ "${cuda%%.*}" != 13 ]; then
      say "torch $version of python3 is built for CUDA $cuda, not 13: not used"
    else
      torch_prefix=$directory torch_site=$site torch_from="torch $version of $(command -v python3)"
    fi
  fi
  if [ -z "$torch_prefix" ] && found=$(torch_in_python "$venv/bin/python"); then
    read -r directory version cuda site <<<"$found"
    if [ "torch==$version" = "$(pinned torch)" ]; then
      torch_prefix=$directory torch_site=$site
      torch_from="torch $version (CUDA $cuda) of ${venv#"$root"/}"
    fi
  fi
  return 0
}

# A cmake that is new enough (older ones cannot compile C++20 with nvcc 13), a working ninja.
usable_cmake() {
  local candidate version
  for candidate in "$venv/bin/cmake" cmake; do
    version=$("$candidate" --version 2>/dev/null | sed -n '1s/[^0-9]*//p')
    [ -n "$version" ] && version_at_least "$version" $minimum_cmake && return 0
  done
  return 1
}

usable_ninja() { "$venv/bin/ninja" --version >/dev/null 2>&1 || ninja --version >/dev/null 2>&1; }

# Whether .venv has something to provide for building.
build_needs_wheels() {
  find_torch
  [ -z "$torch_prefix" ] || ! usable_cmake || ! usable_ninja || ! find_nvcc >/dev/null 2>&1
}

have_venv() { "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

# A torch outside .venv is made visible inside it, so that the tests import the one we link.
share_torch_with_venv() {
  local site
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  if [ -n "$torch_site" ] && [ "$torch_site" != "$site" ]; then
    echo "$torch_site" >"$site/ssmprof-present.pth"
  else
    rm -f "$site/ssmprof-present.pth"
  fi
}

pip_install() {
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --prefer-binary \
    --constraint "$root/scripts/constraints.txt" "$@"
}

# wheels TEXT ADVICE ARGUMENT…: installs into .venv; exits with 3 and the advice where it cannot.
wheels() {
  local text=$1 advice=$2
  shift 2
  have_venv || step "making ${venv#"$root"/} (a few seconds)" python3 -m venv --clear "$venv" ||
    fail $exit_environment "cannot make a virtual environment: install python3-venv"
  share_torch_with_venv
  step "$text" pip_install "$@" ||
    fail $exit_environment "could not install (no network, or no space?): $advice, then run again"
}

pinned() { grep "^$1[=[]" "$root/scripts/requirements.txt"; }

# Makes torch_prefix, cmake and ninja available.
install_build_wheels() {
  local wanted=() need='' size=''
  find_torch
  if [ -z "$torch_prefix" ]; then
    wanted+=("$(pinned torch)")
    need="LibTorch (python3 -m pip install $(pinned torch))"
    size=', 4.6 GB, about 2 min'
  fi
  if ! usable_cmake; then
    wanted+=("$(pinned cmake)")
    need="$need${need:+, }CMake $minimum_cmake or newer"
  fi
  if ! usable_ninja; then
    wanted+=("$(pinned ninja)")
    need="$need${need:+, }ninja"
  fi
  if [ ${#wanted[@]} -gt 0 ]; then
    wheels "installing ${wanted[*]} (into ${venv#"$root"/}$size)" \
      "provide on PATH or in CMAKE_PREFIX_PATH: $need" "${wanted[@]}"
  fi
  [ -n "$torch_prefix" ] || find_torch
  [ -n "$torch_prefix" ] ||
    fail $exit_environment "no LibTorch in ${venv#"$root"/}: remove that folder and run again"
}

# python_for_tests: prints the first Python that imports everything the tests need.
python_for_tests() {
  local python
  for python in "${SSMPROF_PYTHON:-}" python3 "$venv/bin/python"; do
    [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
    if "$python" - <<'PY' 2>/dev/null; then
import importlib.util, sys
names = ("torch", "transformers", "numpy", "safetensors", "jsonschema")
sys.exit(any(importlib.util.find_spec(n) is None for n in names))
PY
      command -v "$python"
      return 0
    fi
  done
  return 1
}

# Sets test_python. Python tests that cannot run report themselves as skipped: not fatal.
install_test_wheels() {
  test_python=$(python_for_tests) && return 0
  if (wheels "installing the Python packages of the tests (into ${venv#"$root"/}, about 1 min)" \
    "provide transformers, numpy, safetensors and jsonschema beside torch" \
    --requirement "$root/scripts/requirements-test.txt"); then
    share_torch_with_venv
    test_python=$(python_for_tests) && return 0
  fi
  say "Python tests whose modules are missing will be reported as skipped"
  test_python=$venv/bin/python
  [ -x "$test_python" ] || test_python=$(command -v python3 || true)
}
