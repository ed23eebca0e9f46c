#include "kernels/bench/kernel_case.hpp"

#include <algorithm>
#include <stdexcept>

namespace ssmprof::kernels::bench {
namespace {

template <class Items>
std::string names_of(const Items& items) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : ", ") + item.name;
  return all;
}

}  // namespace

std::int64_t Shape::at(const std::string& name) const {
  const auto found = sizes.find(name);
  if (found == sizes.end()) throw std::out_of_range("no size named '" + name + "'");
  return found->second;
}

Floor memory_or_mufu_floor(const Cost& cost, const Rates& rates) {
  double memory = 0, mufu = 0;
  if (rates.copy_bytes_per_second > 0)
    memory = static_cast<double>(cost.bytes()) / rates.copy_bytes_per_second;
  if (rates.mufu_per_second() > 0)
    mufu = static_cast<double>(cost.transcendentals) / rates.mufu_per_second();
  return memory >= mufu ? Floor{memory, "bytes / measured copy rate"}
                        : Floor{mufu, "transcendentals / (16 per cycle and multiprocessor)"};
}

Shape resolve(const KernelCase& which, const std::string& preset, DType dtype,
              const std::map<std::string, std::int64_t>& sizes) {
  Shape shape;
  shape.dtype = dtype;
  const auto options = which.options();
  for (const auto& option : options) shape.sizes[option.name] = option.value;
  if (!preset.empty()) {
    const auto presets = which.presets();
    const auto found = std::find_if(presets.begin(), presets.end(),
                                    [&](const Preset& p) { return p.name == preset; });
    if (found == presets.end())
      throw std::invalid_argument("kernel " + which.name() + " has no preset '" + preset +
                                  "': use one of " + names_of(presets));
    for (const auto& [name, value] : found->sizes) shape.sizes[name] = value;
  }
  for (const auto& [name, value] : sizes) {
    if (!shape.sizes.contains(name))
      throw std::invalid_argument("kernel " + which.name() + " has no option '" + name + "': use " +
                                  names_of(options));
    shape.sizes[name] = value;
  }
  return shape;
}

double accepted_error(DType dtype, std::uint64_t values) {
  constexpr std::uint64_t kFew = 512;
  if (dtype == DType::bf16 && values < kFew) return 1.0 / 256;
  return dtype == DType::f32 ? 1e-5 : 2e-3;
}

double comparable_error(DType dtype, std::uint64_t values) {
  return 10 * accepted_error(dtype, values);
}

std::size_t sets_for(std::size_t bytes, std::size_t rotate_bytes) {
  if (rotate_bytes == 0 || bytes == 0) return 1;
  return std::clamp<std::size_t>(rotate_bytes / bytes + 1, 2, 64);
}

}  // namespace ssmprof::kernels::bench
