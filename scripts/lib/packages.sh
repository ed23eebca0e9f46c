# Debian and Ubuntu packages: found by what they provide, installed only when that is missing.

header() { # header FILE: whether the compiler finds it
  local directory includes=()
  for directory in $(printf '%s' "${CMAKE_PREFIX_PATH:-}" | tr ':;' '  '); do
    includes+=("-I$directory/include")
  done
  printf '#include <%s>\n' "$1" | "$cxx" "${includes[@]}" -x c++ -E - >/dev/null 2>&1
}

python_with_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

# missing_packages [wheels] [tests]: prints the names of the packages whose content is not here;
# with `wheels` what .venv needs, with `tests` what the tests need besides.
missing_packages() {
  local cxx=${CXX:-c++}
  if ! command -v "$cxx" >/dev/null 2>&1; then
    echo g++
    cxx=none
  fi
  if [[ " $* " == *" wheels "* ]]; then
    python_with_venv || echo python3 python3-venv
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -n "${SSL_CERT_FILE:-}" ] || echo ca-certificates
  fi
  header nlohmann/json.hpp || echo nlohmann-json3-dev
  header CLI/CLI.hpp || echo libcli11-dev
  if [[ " $* " == *" tests "* ]]; then
    header catch2/catch.hpp || header catch2/catch_test_macros.hpp || echo catch2
  fi
}

# as_root COMMAND…: through sudo where we are not root; fails where neither is possible.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo -n "$@"
  else
    return 1
  fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 && as_root true >/dev/null 2>&1
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
}

# install_packages [wheels] [tests]: installs what is missing or says what to install and exits with 3.
install_packages() {
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  missing=${missing% }
  [ -n "$missing" ] || return 0
  if ! may_install; then
    fail $exit_environment "cannot install packages here (no apt-get, or neither root nor sudo" \
      "without a password): install what this names, then run again: apt-get install $missing"
  fi
  local extra=
  command -v ccache >/dev/null 2>&1 || extra=ccache # makes the second build of a file immediate
  # shellcheck disable=SC2086
  step "installing packages: $missing${extra:+ $extra} (about 1 min)" apt_install $missing $extra ||
    fail $exit_environment "could not install packages (no network?):" \
      "install what this names, then run again: apt-get install $missing"
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -z "$missing" ] ||
    fail $exit_environment "still missing after the installation: $missing(see $state)"
}

check_compiler() {
  local cxx=${CXX:-c++} version
  version=$("$cxx" -dumpversion 2>/dev/null) || fail $exit_environment "no C++ compiler: $cxx"
  if "$cxx" --version | grep -qi clang; then return; fi
  version_at_least "$version" 11 ||
    fail $exit_environment "$cxx is GCC $version, too old for C++20: install g++ 11 or newer" \
      "and name it in CXX"
}
