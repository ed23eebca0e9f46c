#include <algorithm>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/causal_conv1d.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// x is read in place from in_proj's rows of `row` elements.
struct Set {
  Array in_proj, out, initial, final_state;
};

class ConvProblem : public KernelProblem<CausalConv1dArgs, causal_conv1d> {
 public:
  ConvProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        length_(shape.at("seqlen")),
        dim_(shape.at("dim")),
        width_(shape.at("width")),
        row_(shape.at("row")),
        dtype_(shape.dtype) {
    const std::int64_t tokens = batch_ * length_, states = batch_ * dim_ * (width_ - 1);
    const auto per_set = static_cast<std::size_t>(2 * tokens * dim_) * size_of(dtype_);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    weight_ = make.random(dtype_, dim_ * width_, -0.5F, 0.5F);
    bias_ = make.random(dtype_, dim_, -0.5F, 0.5F);
    for (auto& s : sets_) {
      s.in_proj = make.random(dtype_, tokens * row_, -2.0F, 2.0F);
      s.out = make.output(dtype_, tokens * dim_);
      s.initial = make.random_if(shape.at("initial") != 0, dtype_, states, -2.0F, 2.0F);
      s.final_state = make.output_if(shape.at("final") != 0, dtype_, states);
      CausalConv1dArgs a;
      a.dtype = dtype_;
      a.batch = batch_;
      a.length = length_;
      a.channels = dim_;
      a.width = width_;
      a.x = {s.in_proj.data(), length_ * row_, row_};
      a.weight = weight_.data();
      a.bias = bias_.data();
      a.silu = shape.at("silu") != 0;
      a.initial_state = s.initial.data();
      a.final_state = s.final_state.data();
      a.out = {s.out.data(), length_ * dim_, dim_};
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override {
    sets_[set].out.poison();
    sets_[set].final_state.poison();
  }

  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t b : both_ends(batch_, 2)) {
      for (const std::int64_t c : both_ends(dim_, kChannels)) {
        const auto input = [&](std::int64_t t) {
          if (t >= 0) return s.in_proj.value((b * length_ + t) * row_ + c);
          if (s.initial.count() == 0) return 0.0;
          return s.initial.value((b * (width_ - 1) + width_ - 1 + t) * dim_ + c);
        };
        const auto out = s.out.read(b * length_ * dim_ + c, dim_, length_, 1);
        for (std::int64_t t = 0; t < length_; ++t) {
          double sum = bias_.value(c);
          for (std::int64_t k = 0; k < width_; ++k)
            sum += weight_.value(c * width_ + k) * input(t - (width_ - 1) + k);
          error.add(out[static_cast<std::size_t>(t)], args_[set].silu ? silu64(sum) : sum);
        }
        if (s.final_state.count() > 0) {
          const auto got = s.final_state.read(b * (width_ - 1) * dim_ + c, dim_, width_ - 1, 1);
          for (std::int64_t k = 0; k < width_ - 1; ++k)
            error.add(got[static_cast<std::size_t>(k)], input(length_ - (width_ - 1) + k));
        }
      }
    }
    return error.value();
  }
  std::string sample() const override {
    return "all tokens of " + std::to_string(std::min<std::int64_t>(dim_, kChannels)) +
           " channels in " + std::to_string(std::min<std::int64_t>(batch_, 2)) + " batch rows";
  }

 private:
  static constexpr std::int64_t kChannels = 16;
  std::int64_t batch_, length_, dim_, width_, row_;
  DType dtype_;
  Array weight_, bias_;
  std::vector<Set> sets_;
};

class ConvCase : public KernelCase {
 public:
  std::string name() const override { return "conv"; }
  std::string description() const override { return "causal depthwise convolution and SiLU"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"dim", "channels", 5120},
            {"width", "taps", 4},
            {"row", "elements of one packed input row; 0: 2 · dim", 0},
            {"silu", "apply SiLU", 1},
            {"initial", "start from a given state", 0},
            {"final", "write the final state", 0}};
  }
  std::vector<Preset> presets() const override { return convolution_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    Shape full = shape;
    if (full.at("row") == 0) full.sizes["row"] = 2 * full.at("dim");
    return std::make_unique<ConvProblem>(full, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_conv_case() {
  return std::make_unique<ConvCase>();
}

}  // namespace ssmprof::kernels::bench
