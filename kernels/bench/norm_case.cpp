#include <algorithm>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/rms_norm.hpp"

namespace ssmprof::kernels::bench {
namespace {

struct Set {
  Array x, residual, residual_out, out;
};

class NormProblem : public KernelProblem<RmsNormArgs, rms_norm> {
 public:
  NormProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        tokens_(shape.at("batch") * shape.at("seqlen")),
        dim_(shape.at("dim")),
        parts_(shape.at("parts")),
        residual_dtype_(shape.at("residual_fp32") != 0 ? DType::f32 : shape.dtype) {
    const bool residual = shape.at("residual") != 0;
    const std::int64_t count = tokens_ * dim_;
    const auto per_set =
        static_cast<std::size_t>(2 * count) * size_of(shape.dtype) +
        static_cast<std::size_t>(residual ? 2 * count : 0) * size_of(residual_dtype_);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    weight_ = make.random(shape.dtype, dim_, 0.5F, 1.5F);
    squares_ = make.random_if(parts_ > 0, DType::f32, tokens_ * parts_, 0.0F, 2.0F * kPartChannels);
    for (auto& s : sets_) {
      s.x = make.random(shape.dtype, count, -2.0F, 2.0F);
      s.residual = make.random_if(residual, residual_dtype_, count, -2.0F, 2.0F);
      s.residual_out = make.output_if(residual, residual_dtype_, count);
      s.out = make.output(shape.dtype, count);
      RmsNormArgs a;
      a.dtype = a.x_dtype = shape.dtype;
      a.residual_dtype = residual_dtype_;
      a.tokens = tokens_, a.channels = dim_;
      a.x = {s.x.data(), 0, dim_};
      if (parts_ > 0) {
        a.x_scale = {static_cast<const float*>(squares_.data()), parts_, parts_,
                     parts_ * kPartChannels};
      }
      if (residual) {
        a.residual = {s.residual.data(), 0, dim_};
        a.residual_out = {s.residual_out.data(), 0, dim_};
      }
      a.weight = weight_.data();
      a.out = {s.out.data(), 0, dim_};
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override {
    sets_[set].out.poison();
    sets_[set].residual_out.poison();
  }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t token : both_ends(tokens_, kTokens)) {
      const auto out = s.out.read(token * dim_, dim_, 1, dim_);
      std::vector<float> kept;
      if (args_[set].residual) kept = s.residual_out.read(token * dim_, dim_, 1, dim_);
      const double of_x = x_scale(token);
      const auto sum = [&](std::int64_t c) {
        const std::int64_t i = token * dim_ + c;
        return s.x.value(i) * of_x + (args_[set].residual ? s.residual.value(i) : 0.0);
      };
      double squares = 0;
      for (std::int64_t c = 0; c < dim_; ++c) squares += sum(c) * sum(c);
      const double scale = 1 / std::sqrt(squares / static_cast<double>(dim_) + args_[set].eps);
      for (std::int64_t c = 0; c < dim_; ++c) {
        error.add(out[static_cast<std::size_t>(c)], sum(c) * scale * weight_.value(c));
        if (!kept.empty()) error.add(kept[static_cast<std::size_t>(c)], sum(c));
      }
    }
    return error.value();
  }
  std::string sample() const override {
    return "all channels of " + std::to_string(std::min(tokens_, kTokens)) + " tokens";
  }

 private:
  double x_scale(std::int64_t token) const {
    if (parts_ == 0) return 1;
    double squares = 0;
    for (std::int64_t p = 0; p < parts_; ++p) squares += squares_.value(token * parts_ + p);
    return 1 / std::sqrt(squares / static_cast<double>(parts_ * kPartChannels) + 1e-5);
  }

  static constexpr std::int64_t kTokens = 16, kPartChannels = 64;
  std::int64_t tokens_, dim_, parts_;
  DType residual_dtype_;
  Array weight_, squares_;
  std::vector<Set> sets_;
};

class NormCase : public KernelCase {
 public:
  std::string name() const override { return "norm"; }
  std::string description() const override { return "RMSNorm, with the residual added first"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"dim", "channels", 2560},
            {"residual", "add a residual and store the sum", 1},
            {"parts", "sums of 64 squares per token, which scale x as the norm before left it", 0},
            {"residual_fp32", "keep the residual in fp32 instead of the element type", 1}};
  }
  std::vector<Preset> presets() const override { return width_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    return std::make_unique<NormProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_norm_case() {
  return std::make_unique<NormCase>();
}

}  // namespace ssmprof::kernels::bench
