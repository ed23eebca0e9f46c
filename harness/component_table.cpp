#include "harness/component_table.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

namespace ssmprof::harness {
namespace {

std::string text_of(double error) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2e", error);
  return error == 0 ? "0" : text;
}

}  // namespace

bool write_component_table(std::ostream& out, std::vector<workloads::ComponentError> errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) {
    return a.component != b.component ? a.component < b.component : a.what < b.what;
  });
  const auto line = [&](const std::string& verdict, std::string_view component,
                        const std::string& what, const std::string& stage, const std::string& error,
                        const std::string& rounding, const std::string& limit,
                        const std::string& layer) {
    char text[160];
    std::snprintf(text, sizeof text, "%-5s %-11s %-7s %-9s %9s %9s %9s %6s\n", verdict.c_str(),
                  std::string(component).c_str(), what.c_str(), stage.c_str(), error.c_str(),
                  rounding.c_str(), limit.c_str(), layer.c_str());
    out << text;
  };
  line("", "component", "result", "stage", "error", "rounding", "limit", "layer");
  bool good = !errors.empty();
  for (const auto& e : errors) {
    good = good && e.good();
    line(!e.limit   ? "-"
         : e.good() ? "ok"
                    : "FAIL",
         name_of(e.component), e.what, e.stage, text_of(e.error), text_of(e.rounding),
         e.limit ? text_of(*e.limit) : "-", e.layer < 0 ? "-" : std::to_string(e.layer));
  }
  return good;
}

}  // namespace ssmprof::harness
