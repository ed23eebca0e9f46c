#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/selective_scan.hpp"

namespace ssmprof::kernels::bench {
namespace {

struct Set {
  Array u, delta, x_proj, in_proj, out, state;
};

class StateUpdateProblem : public KernelProblem<SelectiveStateUpdateArgs, selective_state_update> {
 public:
  StateUpdateProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        dim_(shape.at("dim")),
        state_(shape.at("state")),
        rank_(dim_ / 32),
        dtype_(shape.dtype) {
    const DType stored = shape.at("state_16bit") != 0 ? dtype_ : DType::f32;
    const auto per_set = static_cast<std::size_t>(batch_ * dim_ * state_) * size_of(stored) +
                         static_cast<std::size_t>(4 * batch_ * dim_) * size_of(dtype_);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    a_ = make.random(DType::f32, dim_ * state_, -16.0F, -0.5F);
    d_ = make.random(DType::f32, dim_, 0.5F, 1.5F);
    bias_ = make.random(DType::f32, dim_, -5.0F, -1.0F);
    const std::int64_t row = rank_ + 2 * state_;
    for (auto& s : sets_) {
      s.u = make.random(dtype_, batch_ * dim_, -1.0F, 1.0F);
      s.delta = make.random(dtype_, batch_ * dim_, -2.0F, 2.0F);
      s.x_proj = make.random(dtype_, batch_ * row, -1.0F, 1.0F);
      s.in_proj = make.random(dtype_, batch_ * 2 * dim_, -3.0F, 3.0F);
      s.out = make.output(dtype_, batch_ * dim_);
      s.state = make.random(stored, batch_ * dim_ * state_, -1.0F, 1.0F);
      SelectiveStateUpdateArgs a;
      a.dtype = dtype_;
      a.state_dtype = stored;
      a.batch = batch_;
      a.channels = dim_;
      a.state = state_;
      a.u = {s.u.data(), dim_, dim_};
      a.delta = {s.delta.data(), dim_, dim_};
      a.b = {s.x_proj.at(rank_), row, row};
      a.c = {s.x_proj.at(rank_ + state_), row, row};
      if (shape.at("gate") != 0) a.z = {s.in_proj.at(dim_), 2 * dim_, 2 * dim_};
      a.out = {s.out.data(), dim_, dim_};
      a.a = a_.floats();
      a.d = d_.floats();
      a.delta_bias = bias_.floats();
      a.ssm_state = s.state.data();
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override {
    sets_[set].out.poison();
    sets_[set].state.refill();
  }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    const std::int64_t row = rank_ + 2 * state_;
    for (const std::int64_t b : both_ends(batch_, 4)) {
      const auto out = s.out.read(b * dim_, dim_, 1, dim_);
      const auto got = s.state.read(b * dim_ * state_, dim_ * state_, 1, dim_ * state_);
      for (std::int64_t c = 0; c < dim_; ++c) {
        const double u = s.u.value(b * dim_ + c);
        const double delta = softplus64(s.delta.value(b * dim_ + c) + bias_.value(c));
        double y = d_.value(c) * u;
        for (std::int64_t n = 0; n < state_; ++n) {
          const double h = std::exp(delta * a_.value(c * state_ + n)) *
                               s.state.value((b * dim_ + c) * state_ + n) +
                           delta * u * s.x_proj.value(b * row + rank_ + n);
          y += s.x_proj.value(b * row + rank_ + state_ + n) * h;
          error.add(got[static_cast<std::size_t>(c * state_ + n)], h);
        }
        if (args_[set].z) y *= silu64(s.in_proj.value(b * 2 * dim_ + dim_ + c));
        error.add(out[static_cast<std::size_t>(c)], y);
      }
    }
    return error.value();
  }
  std::string sample() const override { return "all channels and states of up to 4 sequences"; }

 private:
  std::int64_t batch_, dim_, state_, rank_;
  DType dtype_;
  Array a_, d_, bias_;
  std::vector<Set> sets_;
};

class StateUpdateCase : public KernelCase {
 public:
  std::string name() const override { return "state_update"; }
  std::string description() const override { return "one decode step of the selective scan"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 64},
            {"dim", "inner channels", 5120},
            {"state", "states per channel", 16},
            {"gate", "multiply by SiLU(z)", 1},
            {"state_16bit", "store the state in the element type instead of fp32", 0}};
  }
  std::vector<Preset> presets() const override { return mamba1_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    return std::make_unique<StateUpdateProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_state_update_case() {
  return std::make_unique<StateUpdateCase>();
}

}  // namespace ssmprof::kernels::bench
