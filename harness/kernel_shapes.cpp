#include "harness/kernel_shapes.hpp"

#include <algorithm>

#include "harness/names.hpp"
#include "harness/sweep.hpp"
#include "reports/error.hpp"

namespace ssmprof::harness {
namespace {

namespace bench = kernels::bench;

void add(KernelShapes::Shapes& shapes, const bench::KernelCase& which, const std::string& preset,
         kernels::DType dtype, std::map<std::string, std::int64_t> sizes) {
  const auto options = which.options();
  const bool has_length =
      std::any_of(options.begin(), options.end(), [](const auto& o) { return o.name == "seqlen"; });
  if (!has_length) sizes.erase("seqlen");  // a decode step has none
  try {
    auto shape = bench::resolve(which, preset, dtype, sizes);
    const bool seen = std::any_of(shapes.begin(), shapes.end(), [&](const auto& s) {
      return s.first == &which && s.second.dtype == dtype && s.second.sizes == shape.sizes;
    });
    if (!seen) shapes.emplace_back(&which, std::move(shape));
  } catch (const std::invalid_argument& error) {
    throw reports::InputError(std::string("kernels: ") + error.what());
  }
}

}  // namespace

void KernelShapes::declare(CLI::App& app) {
  app.add_option("--kernel", kernels_, "Kernels, comma-separated (default: all)");
  app.add_option("--preset", presets_, "Published models whose sizes to use, comma-separated");
  app.add_option("--batch", batch_, "Batch sizes: 1,8 or 1:64:x2");
  app.add_option("--seqlen", seqlen_, "Lengths: 2048 or 512:8192:x4");
  for (auto& [name, value] : named_) {
    std::string option = "--" + name;
    std::replace(option.begin(), option.end(), '_', '-');
    app.add_option(option, value, "Size '" + name + "' of the kernels that have it");
  }
  app.add_option("--size", sizes_, "Other sizes, NAME=VALUE, comma-separated");
  app.add_option("--dtype", dtypes_, "fp32, bf16, fp16, comma-separated")->capture_default_str();
}

std::vector<const bench::KernelCase*> KernelShapes::chosen(const Cases& all) const {
  std::vector<const bench::KernelCase*> found_cases;
  std::vector<std::string> known;
  for (const auto& one : all) known.push_back(one->name());
  for (const auto& name : kernels_.empty() ? known : parse_names("--kernel", kernels_)) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) refuse_name("--kernel", name, known);
    found_cases.push_back(all[static_cast<std::size_t>(found - known.begin())].get());
  }
  return found_cases;
}

std::map<std::string, std::int64_t> KernelShapes::given_sizes() const {
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, value] : named_) {
    if (!value.empty()) sizes[name] = parse_sweep("--" + name, value).at(0);
  }
  if (sizes_.empty()) return sizes;
  for (const auto& text : parse_names("--size", sizes_)) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw reports::InputError("--size: '" + text + "' is not NAME=VALUE");
    }
    const std::string value = text.substr(equals + 1);
    sizes[text.substr(0, equals)] = value == "0" ? 0 : parse_sweep("--size", value).at(0);
  }
  return sizes;
}

KernelShapes::Shapes KernelShapes::of(const Cases& all) const {
  const auto dtypes = parse_names("--dtype", dtypes_);
  const auto presets =
      presets_.empty() ? std::vector<std::string>{""} : parse_names("--preset", presets_);
  const auto batches =
      batch_.empty() ? std::vector<std::int64_t>{0} : parse_sweep("--batch", batch_);
  const auto lengths =
      seqlen_.empty() ? std::vector<std::int64_t>{0} : parse_sweep("--seqlen", seqlen_);
  Shapes shapes;
  for (const auto* which : chosen(all)) {
    for (const auto& dtype : dtypes) {
      const auto type = parse_name<kernels::DType>("--dtype", dtype,
                                                   {{"fp32", kernels::DType::f32},
                                                    {"bf16", kernels::DType::bf16},
                                                    {"fp16", kernels::DType::f16}});
      for (const auto& preset : presets) {
        for (const auto b : batches) {
          for (const auto l : lengths) {
            auto sizes = given_sizes();
            if (b > 0) sizes["batch"] = b;
            if (l > 0) sizes["seqlen"] = l;
            add(shapes, *which, preset, type, sizes);
          }
        }
      }
    }
  }
  return shapes;
}

}  // namespace ssmprof::harness
