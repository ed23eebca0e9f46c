#include <algorithm>
#include <stdexcept>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/rms_norm.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// y as the SSD writes it, z at the beginning of in_proj's rows.
struct Set {
  Array y, in_proj, out;
};

class GatedNormProblem : public KernelProblem<GatedRmsNormArgs, gated_rms_norm> {
 public:
  GatedNormProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        tokens_(shape.at("batch") * shape.at("seqlen")),
        dim_(shape.at("dim")),
        row_(shape.at("row")),
        group_(shape.at("group")) {
    const auto per_set = static_cast<std::size_t>(3 * tokens_ * dim_) * size_of(shape.dtype);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    weight_ = make.random(shape.dtype, dim_, 0.5F, 1.5F);
    for (auto& s : sets_) {
      s.y = make.random(shape.dtype, tokens_ * dim_, -2.0F, 2.0F);
      s.in_proj = make.random(shape.dtype, tokens_ * row_, -3.0F, 3.0F);
      s.out = make.output(shape.dtype, tokens_ * dim_);
      GatedRmsNormArgs a;
      a.dtype = shape.dtype;
      a.tokens = tokens_, a.channels = dim_, a.group_size = group_;
      a.y = {s.y.data(), 0, dim_};
      a.z = {s.in_proj.data(), 0, row_};
      a.weight = weight_.data();
      a.out = {s.out.data(), 0, dim_};
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override { sets_[set].out.poison(); }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    std::vector<double> gated(static_cast<std::size_t>(group_));
    for (const std::int64_t token : both_ends(tokens_, kTokens)) {
      const auto out = s.out.read(token * dim_, dim_, 1, dim_);
      for (std::int64_t first = 0; first < dim_; first += group_) {
        double squares = 0;
        for (std::int64_t i = 0; i < group_; ++i) {
          auto& v = gated[static_cast<std::size_t>(i)];
          v = s.y.value(token * dim_ + first + i) *
              silu64(s.in_proj.value(token * row_ + first + i));
          squares += v * v;
        }
        const double scale = 1 / std::sqrt(squares / static_cast<double>(group_) + args_[set].eps);
        for (std::int64_t i = 0; i < group_; ++i)
          error.add(out[static_cast<std::size_t>(first + i)],
                    gated[static_cast<std::size_t>(i)] * scale * weight_.value(first + i));
      }
    }
    return error.value();
  }
  std::string sample() const override {
    return "all channels of " + std::to_string(std::min(tokens_, kTokens)) + " tokens";
  }

 private:
  static constexpr std::int64_t kTokens = 16;
  std::int64_t tokens_, dim_, row_, group_;
  Array weight_;
  std::vector<Set> sets_;
};

class GatedNormCase : public KernelCase {
 public:
  std::string name() const override { return "gated_norm"; }
  std::string description() const override { return "Mamba-2's gate and RMSNorm"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"dim", "channels", 5120},
            {"group", "channels normalized together; 0: all", 0},
            {"row", "elements of one packed in_proj row; 0: 2 · dim + 256 + dim / 64", 0}};
  }
  std::vector<Preset> presets() const override { return mamba2_presets("dim", 64); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    Shape full = shape;
    const std::int64_t dim = full.at("dim");
    if (full.at("group") == 0) full.sizes["group"] = dim;
    if (full.at("row") == 0) full.sizes["row"] = 2 * dim + 256 + dim / 64;
    if (full.at("group") < 1 || dim % full.at("group") != 0)
      throw std::invalid_argument("gated_norm: group must divide dim");
    return std::make_unique<GatedNormProblem>(full, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_gated_norm_case() {
  return std::make_unique<GatedNormCase>();
}

}  // namespace ssmprof::kernels::bench
