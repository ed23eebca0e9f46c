#include "harness/ncu_command_line.hpp"

#include <algorithm>
#include <set>

#include "harness/names.hpp"
#include "reports/error.hpp"
#include "workloads/attributions.hpp"

namespace ssmprof::harness {
namespace {

/// Component names that `name` stands for: itself, or a row of the design attribution.
std::set<std::string> components_of(const std::string& name,
                                    const std::vector<workloads::RangeSpec>& ranges) {
  std::set<std::string> present;
  for (const auto& range : ranges) {
    if (range.leaf) present.emplace(name_of(range.component));
  }
  if (present.contains(name)) return {name};
  std::vector<std::string> known(present.begin(), present.end());
  for (const auto& attribution : workloads::attributions()) {
    if (attribution.name != "design") continue;
    for (const auto& row : attribution.rows) {
      if (row.name == name) return {row.components.begin(), row.components.end()};
      if (!present.contains(row.name)) known.push_back(row.name);
    }
  }
  refuse_name("--component", name, known);
}

bool plain(const std::string& text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789_-+=./,:@%") == std::string::npos;
}

}  // namespace

std::string nvtx_filter(const std::string& range_id) {
  return "ssmprof@" + range_id + "/";
}

std::vector<std::string> selected_ranges(const NcuRequest& request,
                                         const std::vector<workloads::RangeSpec>& ranges) {
  std::set<std::string> components;
  for (const auto& name : request.components) components.merge(components_of(name, ranges));
  std::int64_t layers = 0;
  for (const auto& range : ranges) layers = std::max<std::int64_t>(layers, range.layer + 1);
  for (const auto layer : request.layers) {
    if (layer >= layers) {
      throw reports::InputError("--layer: there is no layer " + std::to_string(layer) +
                                ": the model has " + std::to_string(layers) + ", counted from 0");
    }
  }
  std::vector<std::string> selected;
  for (const auto& range : ranges) {
    const bool wanted = request.layers.empty() ||
                        std::find(request.layers.begin(), request.layers.end(), range.layer) !=
                            request.layers.end() ||
                        range.layer < 0;
    if (range.leaf && wanted && components.contains(std::string(name_of(range.component)))) {
      selected.push_back(range.id);
    }
  }
  return selected;
}

std::vector<std::string> ncu_arguments(const NcuRequest& request,
                                       const std::vector<workloads::RangeSpec>& ranges) {
  std::vector<std::string> arguments = {"ncu",  "--nvtx",          "--clock-control",
                                        "none", "--cache-control", "none"};
  for (const auto& id : selected_ranges(request, ranges)) {
    arguments.insert(arguments.end(), {"--nvtx-include", nvtx_filter(id)});
  }
  if (request.replay != "kernel") {
    arguments.insert(arguments.end(), {"--replay-mode", request.replay});
  }
  if (!request.metrics.empty()) {
    std::string joined;
    for (const auto& metric : request.metrics) joined += (joined.empty() ? "" : ",") + metric;
    arguments.insert(arguments.end(), {"--metrics", joined});
  }
  if (request.output.empty()) {
    arguments.insert(arguments.end(), {"--csv", "--page", "raw", "--print-units", "base"});
  } else {
    arguments.insert(arguments.end(), {"-o", request.output});
  }
  arguments.insert(arguments.end(), request.program.begin(), request.program.end());
  return arguments;
}

std::string shell_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const auto& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (plain(argument)) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace ssmprof::harness
