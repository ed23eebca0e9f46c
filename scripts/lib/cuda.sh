# The CUDA toolkit: an nvcc that is here, or the toolkit's wheels behind a tree of links.

cuda_major=13

nvcc_version() { "$1" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p'; }

# Prints the path of an nvcc of the right major version.
find_nvcc() {
  local candidate version
  for candidate in "${CUDACXX:-}" "$(command -v nvcc 2>/dev/null)" \
    ${CUDA_HOME:+"$CUDA_HOME/bin/nvcc"} /usr/local/cuda/bin/nvcc "$venv/cuda/bin/nvcc"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    version=$(nvcc_version "$candidate")
    if [ "${version%%.*}" = $cuda_major ]; then
      echo "$candidate"
      return 0
    fi
    say "$candidate is CUDA ${version:-of an unknown version}, not $cuda_major: not used"
  done
  return 1
}

# The wheels have no lib64 and no unversioned library names; nvcc and CMake want both.
link_toolkit() {
  local site tree=$venv/cuda file name
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  local source=$site/nvidia/cu$cuda_major
  [ -x "$source/bin/nvcc" ] || return 1
  rm -rf "$tree"
  mkdir -p "$tree/lib64" "$tree/bin"
  for name in include nvvm; do ln -s "$source/$name" "$tree/$name"; done
  # A folder of its own: nvcc looks for its libraries beside the folder it was called in.
  for file in "$source"/bin/*; do ln -s "$file" "$tree/bin/$(basename "$file")"; done
  for file in "$source"/lib/*; do
    name=$(basename "$file")
    ln -s "$file" "$tree/lib64/$name"
    case $name in
      *.so.*) [ -e "$tree/lib64/${name%%.so.*}.so" ] || ln -s "$file" "$tree/lib64/${name%%.so.*}.so" ;;
    esac
  done
  ln -s lib64 "$tree/lib"
}

# Sets nvcc.
install_cuda() {
  nvcc=$(find_nvcc) && return 0
  wheels "installing the CUDA toolkit $cuda_major.0 (into ${venv#"$root"/}, 0.5 GB, about 30 s)" \
    "install the CUDA toolkit $cuda_major and put its nvcc on PATH" \
    --requirement "$root/scripts/requirements-cuda.txt"
  link_toolkit && nvcc=$(find_nvcc) ||
    fail $exit_environment "the CUDA toolkit's wheels hold no usable nvcc: install the CUDA toolkit" \
      "$cuda_major and put its nvcc on PATH"
}
