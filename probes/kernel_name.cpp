#include <cstdlib>
#include <cxxabi.h>

#include "probes/activity_map.hpp"

namespace ssmprof::probes {

namespace {

std::string demangle(const std::string& mangled) {
  int status = 0;
  char* text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  std::string name = status == 0 && text != nullptr ? text : mangled;
  std::free(text);
  return name;
}

void erase_all(std::string& text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

/// Where the parameter list begins: the last '(' at depth 0 of <> whose partner ends the text.
std::size_t parameters_at(const std::string& name) {
  if (name.empty() || name.back() != ')') return name.size();
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) return i;
  }
  return name.size();
}

/// Where the name begins after a return type: after the last space outside of <> and ().
std::size_t name_at(const std::string& name) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<' || name[i] == '(') ++depth;
    if (name[i] == '>' || name[i] == ')') --depth;
    if (name[i] == ' ' && depth == 0) start = i + 1;
  }
  return start;
}

}  // namespace

std::string short_kernel_name(const std::string& mangled, std::size_t length) {
  std::string name = demangle(mangled);
  if (name == mangled) return name.substr(0, length);
  erase_all(name, "(anonymous namespace)::");
  name.erase(parameters_at(name));
  name.erase(0, name_at(name));
  if (name.size() <= length) return name;
  return name.substr(0, length - 3) + "...";
}

}  // namespace ssmprof::probes
