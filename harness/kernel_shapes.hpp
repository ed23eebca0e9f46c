#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/bench/kernel_case.hpp"

namespace ssmprof::harness {

/// The options that say which kernels are to be measured at which shapes.
class KernelShapes {
 public:
  using Cases = std::vector<std::unique_ptr<kernels::bench::KernelCase>>;
  /// A case, which the caller keeps, and one of its shapes.
  using Shapes = std::vector<std::pair<const kernels::bench::KernelCase*, kernels::bench::Shape>>;

  void declare(CLI::App& app);
  /// Every combination once. Throws reports::InputError for unknown names, sizes and values.
  Shapes of(const Cases& all) const;

 private:
  std::vector<const kernels::bench::KernelCase*> chosen(const Cases& all) const;
  std::map<std::string, std::int64_t> given_sizes() const;

  std::string kernels_, presets_, batch_, seqlen_, sizes_, dtypes_ = "bf16";
  std::map<std::string, std::string> named_ = {
      {"dim", ""}, {"state", ""}, {"heads", ""}, {"head_dim", ""}, {"groups", ""}};
};

}  // namespace ssmprof::harness
