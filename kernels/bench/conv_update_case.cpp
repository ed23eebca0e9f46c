#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/causal_conv1d.hpp"

namespace ssmprof::kernels::bench {
namespace {

struct Set {
  Array in_proj, out, state;
};

class ConvUpdateProblem : public KernelProblem<CausalConv1dArgs, causal_conv1d_update> {
 public:
  ConvUpdateProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        dim_(shape.at("dim")),
        width_(shape.at("width")),
        row_(shape.at("row") == 0 ? 2 * dim_ : shape.at("row")),
        dtype_(shape.dtype) {
    const std::int64_t states = batch_ * dim_ * (width_ - 1);
    const auto per_set = static_cast<std::size_t>(2 * batch_ * dim_ + states) * size_of(dtype_);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    weight_ = make.random(dtype_, dim_ * width_, -0.5F, 0.5F);
    bias_ = make.random(dtype_, dim_, -0.5F, 0.5F);
    for (auto& s : sets_) {
      s.in_proj = make.random(dtype_, batch_ * row_, -2.0F, 2.0F);
      s.out = make.output(dtype_, batch_ * dim_);
      s.state = make.random(dtype_, states, -2.0F, 2.0F);
      CausalConv1dArgs a;
      a.dtype = dtype_;
      a.batch = batch_;
      a.length = 1;
      a.channels = dim_;
      a.width = width_;
      a.x = {s.in_proj.data(), row_, row_};
      a.weight = weight_.data();
      a.bias = bias_.data();
      a.initial_state = s.state.data();
      a.final_state = s.state.data();
      a.out = {s.out.data(), dim_, dim_};
      args_.push_back(a);
    }
  }

  std::string entry() const override {
    return peer_entry(peer_update_args(args_.front(), device_));
  }
  int launch_rival(Rival& rival, std::size_t set, void* stream) override {
    const auto args = peer_update_args(args_[set], device_);
    return rival.run(peer_entry(args), &args, stream);
  }
  void reset(std::size_t set) override {
    sets_[set].out.poison();
    sets_[set].state.refill();
  }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t b : both_ends(batch_, 8)) {
      const auto out = s.out.read(b * dim_, dim_, 1, dim_);
      const auto state = s.state.read(b * (width_ - 1) * dim_, dim_, width_ - 1, dim_);
      for (std::int64_t c = 0; c < dim_; ++c) {
        const auto input = [&](std::int64_t k) {  // k-th of the width newest rows
          return k == width_ - 1 ? s.in_proj.value(b * row_ + c)
                                 : s.state.value((b * (width_ - 1) + k) * dim_ + c);
        };
        double sum = bias_.value(c);
        for (std::int64_t k = 0; k < width_; ++k) sum += weight_.value(c * width_ + k) * input(k);
        error.add(out[static_cast<std::size_t>(c)], silu64(sum));
        for (std::int64_t k = 0; k < width_ - 1; ++k)
          error.add(state[static_cast<std::size_t>(k * dim_ + c)], input(k + 1));
      }
    }
    return error.value();
  }
  std::string sample() const override { return "all channels and states of up to 8 sequences"; }

 private:
  std::int64_t batch_, dim_, width_, row_;
  DType dtype_;
  Array weight_, bias_;
  std::vector<Set> sets_;
};

class ConvUpdateCase : public KernelCase {
 public:
  std::string name() const override { return "conv_update"; }
  std::string description() const override { return "one decode step of the convolution"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 64},
            {"dim", "channels", 5120},
            {"width", "taps", 4},
            {"row", "elements of one packed input row; 0: 2 · dim", 0}};
  }
  std::vector<Preset> presets() const override { return convolution_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    return std::make_unique<ConvUpdateProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_conv_update_case() {
  return std::make_unique<ConvUpdateCase>();
}

}  // namespace ssmprof::kernels::bench
