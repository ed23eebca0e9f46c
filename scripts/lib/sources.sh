# The source files of the repository, also where git is missing.

# sources EXTENSION…: paths from the root, one a line.
sources() {
  local extension patterns=()
  if git -C "$root" rev-parse >/dev/null 2>&1; then
    for extension in "$@"; do patterns+=("*.$extension"); done
    git -C "$root" ls-files --cached --others --exclude-standard -- "${patterns[@]}" |
      while read -r path; do if [ -e "$root/$path" ]; then echo "$path"; fi; done
  else
    for extension in "$@"; do patterns+=(-o -name "*.$extension"); done
    (cd "$root" && find reports kernels workloads probes harness tests \( "${patterns[@]:1}" \) -type f)
  fi
}
