#include <algorithm>
#include <stdexcept>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/ssd_step.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// Everything in in_proj's rows, as it writes them: z, then x · B · C, then dt.
struct Set {
  Array in_proj, conv_state, out, state, workspace;
};

class SsdStepProblem : public KernelProblem<SsdStepArgs, ssd_step> {
 public:
  SsdStepProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        heads_(shape.at("heads")),
        head_dim_(shape.at("head_dim")),
        groups_(shape.at("groups")),
        state_(shape.at("state")),
        width_(shape.at("width")),
        dim_(heads_ * head_dim_),
        channels_(dim_ + 2 * groups_ * state_),
        row_(dim_ + channels_ + heads_) {
    const DType stored = shape.at("state_16bit") != 0 ? shape.dtype : DType::f32;
    const auto per_set = static_cast<std::size_t>(batch_ * dim_ * state_) * size_of(stored);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    a_ = make.random(DType::f32, heads_, -16.0F, -1.0F);
    d_ = make.random(DType::f32, heads_, 0.5F, 1.5F);
    bias_ = make.random(DType::f32, heads_, -5.0F, -2.0F);
    weight_ = make.random(shape.dtype, channels_ * width_, -0.5F, 0.5F);
    conv_bias_ = make.random(shape.dtype, channels_, -0.5F, 0.5F);
    for (auto& s : sets_) {
      s.in_proj = make.random(shape.dtype, batch_ * row_, -2.0F, 2.0F);
      s.conv_state = make.random(shape.dtype, batch_ * (width_ - 1) * channels_, -2.0F, 2.0F);
      s.out = make.output(shape.dtype, batch_ * dim_);
      s.state = make.random(stored, batch_ * dim_ * state_, -1.0F, 1.0F);
      SsdStepArgs a;
      a.dtype = shape.dtype, a.state_dtype = stored;
      a.batch = batch_, a.heads = heads_, a.head_dim = head_dim_;
      a.groups = groups_, a.state = state_, a.width = width_;
      a.xbc = {s.in_proj.at(dim_), row_, row_};
      a.dt = {s.in_proj.at(dim_ + channels_), row_, row_};
      if (shape.at("gate") != 0) a.z = {s.in_proj.data(), row_, row_};
      a.conv_weight = weight_.data(), a.conv_bias = conv_bias_.data();
      a.conv_state = s.conv_state.data();
      a.a = a_.floats(), a.d = d_.floats(), a.dt_bias = bias_.floats();
      a.ssm_state = s.state.data();
      a.out = {s.out.data(), dim_, dim_};
      s.workspace = make.workspace(ssd_step_workspace(a, {setup.device, nullptr, 0}));
      a.workspace = s.workspace.data();
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override {
    auto& s = sets_[set];
    s.out.poison();
    s.state.refill();
    s.conv_state.refill();
  }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t b : both_ends(batch_, 4)) {
      std::vector<double> xbc(static_cast<std::size_t>(channels_));
      for (std::int64_t c = 0; c < channels_; ++c)
        xbc[static_cast<std::size_t>(c)] = convolved(s, b, c, error);
      for (const std::int64_t c : both_ends(dim_, kRows)) check_row(s, set, b, c, xbc, error);
    }
    return error.value();
  }
  std::string sample() const override {
    return std::to_string(std::min(dim_, kRows)) +
           " state rows and the convolution's state of up to 4 sequences";
  }

 private:
  static constexpr std::int64_t kRows = 256;

  /// Channel c after convolution and SiLU; the state that must be left is compared on the way.
  double convolved(const Set& s, std::int64_t b, std::int64_t c, RelativeError& error) const {
    const auto got = s.conv_state.read(b * (width_ - 1) * channels_ + c, channels_, width_ - 1, 1);
    const auto input = [&](std::int64_t k) {
      return k == width_ - 1 ? s.in_proj.value(b * row_ + dim_ + c)
                             : s.conv_state.value((b * (width_ - 1) + k) * channels_ + c);
    };
    double sum = conv_bias_.value(c);
    for (std::int64_t k = 0; k < width_; ++k) sum += weight_.value(c * width_ + k) * input(k);
    for (std::int64_t k = 0; k < width_ - 1; ++k)
      error.add(got[static_cast<std::size_t>(k)], input(k + 1));
    return silu64(sum);
  }

  void check_row(const Set& s, std::size_t set, std::int64_t b, std::int64_t c,
                 const std::vector<double>& xbc, RelativeError& error) const {
    const std::int64_t head = c / head_dim_, first = (b * dim_ + c) * state_;
    const std::int64_t at = dim_ + head * groups_ / heads_ * state_;
    const auto got = s.state.read(first, state_, 1, state_);
    const double x = xbc[static_cast<std::size_t>(c)];
    const double dt =
        softplus64(s.in_proj.value(b * row_ + dim_ + channels_ + head) + bias_.value(head));
    const double decay = std::exp(dt * a_.value(head));
    double y = d_.value(head) * x;
    for (std::int64_t n = 0; n < state_; ++n) {
      const double h =
          decay * s.state.value(first + n) + dt * x * xbc[static_cast<std::size_t>(at + n)];
      y += xbc[static_cast<std::size_t>(at + groups_ * state_ + n)] * h;
      error.add(got[static_cast<std::size_t>(n)], h);
    }
    if (args_[set].z) y *= silu64(s.in_proj.value(b * row_ + c));
    error.add(s.out.read(b * dim_ + c, 1, 1, 1)[0], y);
  }

  std::int64_t batch_, heads_, head_dim_, groups_, state_, width_, dim_, channels_, row_;
  Array a_, d_, bias_, weight_, conv_bias_;
  std::vector<Set> sets_;
};

class SsdStepCase : public KernelCase {
 public:
  std::string name() const override { return "ssd_step"; }
  std::string description() const override {
    return "one decode step of Mamba-2: convolution, SSD and gate";
  }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 64},
            {"heads", "heads", 80},
            {"head_dim", "rows of the state per head", 64},
            {"groups", "groups of heads that share B and C", 1},
            {"state", "states per row", 128},
            {"width", "taps of the convolution", 4},
            {"gate", "multiply by SiLU(z)", 1},
            {"state_16bit", "store the state in the element type instead of fp32", 0}};
  }
  std::vector<Preset> presets() const override { return mamba2_presets("heads", 1); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    if (shape.at("groups") < 1 || shape.at("heads") % shape.at("groups") != 0)
      throw std::invalid_argument("ssd_step: groups must divide heads");
    return std::make_unique<SsdStepProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_ssd_step_case() {
  return std::make_unique<SsdStepCase>();
}

}  // namespace ssmprof::kernels::bench
