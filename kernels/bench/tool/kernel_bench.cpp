// A small driver around the benchmark cases, without the harness: one table on stdout and, with
// --json FILE, one JSON object per measurement.
//   kernel_bench [--json FILE] [--peer LIB.so]... [--overlap]
//   KERNEL[:PRESET][,option=value]...[,dtype=fp32]
//   ...
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>

#include "kernels/bench/device.hpp"
#include "kernels/bench/peer.hpp"
#include "kernels/bench/runner.hpp"

namespace {

using namespace ssmprof::kernels;         // NOLINT
using namespace ssmprof::kernels::bench;  // NOLINT

struct Request {
  std::string kernel, preset;
  DType dtype = DType::bf16;
  std::map<std::string, std::int64_t> sizes;
};

Request parse(const std::string& text) {
  Request r;
  std::stringstream parts(text);
  std::string part;
  std::getline(parts, part, ',');
  const auto colon = part.find(':');
  r.kernel = part.substr(0, colon);
  if (colon != std::string::npos) r.preset = part.substr(colon + 1);
  while (std::getline(parts, part, ',')) {
    const auto equals = part.find('=');
    const std::string name = part.substr(0, equals), value = part.substr(equals + 1);
    if (name == "dtype")
      r.dtype = value == "fp32" ? DType::f32 : value == "fp16" ? DType::f16 : DType::bf16;
    else
      r.sizes[name] = std::stoll(value);
  }
  return r;
}

std::string shape_text(const Shape& shape) {
  std::string text(name_of(shape.dtype));
  for (const auto& [name, value] : shape.sizes)
    if (value != 0) text += " " + name + "=" + std::to_string(value);
  return text;
}

std::string number(double v) {
  if (!std::isfinite(v)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

void write_json(std::ostream& to, const Measurement& m, const Rates& rates) {
  to << "{\"kernel\":\"" << m.kernel << "\",\"implementation\":\"" << m.implementation
     << "\",\"dtype\":\"" << name_of(m.shape.dtype) << "\",\"shape\":{";
  bool first = true;
  for (const auto& [name, value] : m.shape.sizes) {
    to << (first ? "" : ",") << "\"" << name << "\":" << value;
    first = false;
  }
  to << "},\"failure\":\"" << m.error_message << "\",\"error\":" << number(m.error)
     << ",\"timing\":\"" << m.timing << "\",\"sample\":\"" << m.sample
     << "\",\"launches\":" << m.launches << ",\"sets\":" << m.sets
     << ",\"median_us\":" << number(m.median * 1e6) << ",\"low_us\":" << number(m.low * 1e6)
     << ",\"high_us\":" << number(m.high * 1e6) << ",\"cycles\":" << number(m.cycles)
     << ",\"bytes\":" << m.cost.bytes() << ",\"flops\":" << m.cost.flops
     << ",\"transcendentals\":" << m.cost.transcendentals
     << ",\"gigabytes_per_second\":" << number(m.bytes_per_second / 1e9)
     << ",\"mufu_per_second\":" << number(m.mufu_per_second)
     << ",\"mufu_share\":" << number(m.mufu_share)
     << ",\"issue_share_at_least\":" << number(m.issue_share)
     << ",\"floor_us\":" << number(m.floor.seconds * 1e6) << ",\"floor_formula\":\""
     << m.floor.formula << "\",\"percent_of_floor\":" << number(m.percent_of_floor)
     << ",\"device\":{\"name\":\"" << rates.device
     << "\",\"copy_gigabytes_per_second\":" << number(rates.copy_bytes_per_second / 1e9)
     << ",\"gemm_teraflops_per_second\":" << number(rates.gemm_flops_per_second / 1e12)
     << ",\"clock_hz\":" << number(m.clock_hz) << ",\"multiprocessors\":" << rates.multiprocessors
     << "},\"samples_us\":[";
  for (std::size_t i = 0; i < m.seconds.size(); ++i)
    to << (i == 0 ? "" : ",") << number(m.seconds[i] * 1e6);
  to << "]}\n";
}

int run(int count, char** arguments) {
  std::ofstream json;
  RunOptions options;
  std::vector<std::unique_ptr<Peer>> owned;
  std::vector<Rival*> rivals;
  const auto cases = make_cases();
  const Rates rates = measure_rates();
  std::printf("%s: copy %.0f GB/s, GEMM %.0f TFLOP/s, %d multiprocessors\n", rates.device.c_str(),
              rates.copy_bytes_per_second / 1e9, rates.gemm_flops_per_second / 1e12,
              rates.multiprocessors);
  int failures = 0;
  for (int i = 1; i < count; ++i) {
    const std::string text = arguments[i];
    if (text == "--json" && i + 1 < count) {
      json.open(arguments[++i], std::ios::app);
      continue;
    }
    if (text == "--overlap") {
      options.overlap = true;
      continue;
    }
    if (text == "--peer" && i + 1 < count) {
      rivals.push_back(owned.emplace_back(std::make_unique<Peer>(arguments[++i])).get());
      continue;
    }
    const Request request = parse(text);
    bool known = false;
    for (const auto& which : cases) {
      if (which->name() != request.kernel) continue;
      known = true;
      try {
        const Shape shape = resolve(*which, request.preset, request.dtype, request.sizes);
        for (const auto& m : run_case(*which, shape, rates, options, rivals)) {
          std::printf(
              "%-12s %-8s %9.2f us [%.2f, %.2f] %5.1f%% floor %6.0f GB/s %5.2f Tmufu err "
              "%.2e %s %s\n",
              m.kernel.c_str(), m.implementation.c_str(), m.median * 1e6, m.low * 1e6, m.high * 1e6,
              m.percent_of_floor, m.bytes_per_second / 1e9, m.mufu_per_second / 1e12, m.error,
              shape_text(m.shape).c_str(), m.error_message.c_str());
          std::fflush(stdout);
          failures += m.error_message.empty() ? 0 : 1;
          if (json.is_open()) write_json(json, m, rates);
        }
      } catch (const std::exception& e) {
        std::printf("%s: %s\n", text.c_str(), e.what());
        ++failures;
      }
    }
    if (!known) {
      std::printf("unknown kernel '%s'\n", request.kernel.c_str());
      ++failures;
    }
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
