#include <algorithm>
#include <stdexcept>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// x, B, C side by side as the convolution's step writes them; z and dt inside in_proj's rows.
struct Set {
  Array conv, in_proj, out, state;
};

class SsdUpdateProblem : public KernelProblem<SsdStateUpdateArgs, ssd_state_update> {
 public:
  SsdUpdateProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        heads_(shape.at("heads")),
        head_dim_(shape.at("head_dim")),
        groups_(shape.at("groups")),
        state_(shape.at("state")),
        dim_(heads_ * head_dim_),
        conv_row_(dim_ + 2 * groups_ * state_),
        proj_row_(2 * dim_ + 2 * groups_ * state_ + heads_) {
    const DType stored = shape.at("state_16bit") != 0 ? shape.dtype : DType::f32;
    const auto per_set = static_cast<std::size_t>(batch_ * dim_ * state_) * size_of(stored);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    a_ = make.random(DType::f32, heads_, -16.0F, -1.0F);
    d_ = make.random(DType::f32, heads_, 0.5F, 1.5F);
    bias_ = make.random(DType::f32, heads_, -5.0F, -2.0F);
    for (auto& s : sets_) {
      s.conv = make.random(shape.dtype, batch_ * conv_row_, -1.0F, 1.0F);
      s.in_proj = make.random(shape.dtype, batch_ * proj_row_, -2.0F, 2.0F);
      s.out = make.output(shape.dtype, batch_ * dim_);
      s.state = make.random(stored, batch_ * dim_ * state_, -1.0F, 1.0F);
      SsdStateUpdateArgs a;
      a.dtype = shape.dtype, a.state_dtype = stored;
      a.batch = batch_, a.heads = heads_, a.head_dim = head_dim_;
      a.groups = groups_, a.state = state_;
      a.x = {s.conv.data(), conv_row_, conv_row_};
      a.b = {s.conv.at(dim_), conv_row_, conv_row_};
      a.c = {s.conv.at(dim_ + groups_ * state_), conv_row_, conv_row_};
      a.dt = {s.in_proj.at(proj_row_ - heads_), proj_row_, proj_row_};
      if (shape.at("gate") != 0) a.z = {s.in_proj.data(), proj_row_, proj_row_};
      a.a = a_.floats(), a.d = d_.floats(), a.dt_bias = bias_.floats();
      a.ssm_state = s.state.data();
      a.out = {s.out.data(), dim_, dim_};
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
    for (const std::int64_t b : both_ends(batch_, 4)) {
      for (const std::int64_t c : both_ends(dim_, kRows)) {
        const std::int64_t head = c / head_dim_, first = (b * dim_ + c) * state_;
        const std::int64_t at = b * conv_row_ + dim_ + head * groups_ / heads_ * state_;
        const auto got = s.state.read(first, state_, 1, state_);
        const double x = s.conv.value(b * conv_row_ + c);
        const double dt =
            softplus64(s.in_proj.value((b + 1) * proj_row_ - heads_ + head) + bias_.value(head));
        const double decay = std::exp(dt * a_.value(head));
        double y = d_.value(head) * x;
        for (std::int64_t n = 0; n < state_; ++n) {
          const double h = decay * s.state.value(first + n) + dt * x * s.conv.value(at + n);
          y += s.conv.value(at + groups_ * state_ + n) * h;
          error.add(got[static_cast<std::size_t>(n)], h);
        }
        if (args_[set].z) y *= silu64(s.in_proj.value(b * proj_row_ + c));
        error.add(s.out.read(b * dim_ + c, 1, 1, 1)[0], y);
      }
    }
    return error.value();
  }
  std::string sample() const override {
    return std::to_string(std::min(dim_, kRows)) + " state rows of up to 4 sequences";
  }

 private:
  static constexpr std::int64_t kRows = 256;
  std::int64_t batch_, heads_, head_dim_, groups_, state_, dim_, conv_row_, proj_row_;
  Array a_, d_, bias_;
  std::vector<Set> sets_;
};

class SsdUpdateCase : public KernelCase {
 public:
  std::string name() const override { return "ssd_update"; }
  std::string description() const override { return "one decode step of the SSD"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 64},
            {"heads", "heads", 80},
            {"head_dim", "rows of the state per head", 64},
            {"groups", "groups of heads that share B and C", 1},
            {"state", "states per row", 128},
            {"gate", "multiply by SiLU(z)", 1},
            {"state_16bit", "store the state in the element type instead of fp32", 0}};
  }
  std::vector<Preset> presets() const override { return mamba2_presets("heads", 1); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    if (shape.at("groups") < 1 || shape.at("heads") % shape.at("groups") != 0)
      throw std::invalid_argument("ssd_update: groups must divide heads");
    return std::make_unique<SsdUpdateProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_ssd_update_case() {
  return std::make_unique<SsdUpdateCase>();
}

}  // namespace ssmprof::kernels::bench
