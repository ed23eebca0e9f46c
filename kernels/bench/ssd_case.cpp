#include <algorithm>
#include <stdexcept>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// One input set in the layout of the model's own pipeline: x, B, C side by side as the conv
/// writes them; z and dt inside in_proj's rows.
struct Set {
  Array conv, in_proj, out, initial, final_state, workspace, squares;
};

class SsdProblem : public KernelProblem<SsdArgs, ssd> {
 public:
  SsdProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        length_(shape.at("seqlen")),
        heads_(shape.at("heads")),
        head_dim_(shape.at("head_dim")),
        groups_(shape.at("groups")),
        state_(shape.at("state")),
        dim_(heads_ * head_dim_),
        conv_row_(dim_ + 2 * groups_ * state_),
        proj_row_(2 * dim_ + 2 * groups_ * state_ + heads_) {
    const std::int64_t tokens = batch_ * length_, states = batch_ * dim_ * state_;
    const std::size_t per_set =
        static_cast<std::size_t>(tokens * (conv_row_ + dim_ + heads_)) * size_of(shape.dtype);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    a_ = make.random(DType::f32, heads_, -16.0F, -1.0F);
    d_ = make.random(DType::f32, heads_, 0.5F, 1.5F);
    bias_ = make.random(DType::f32, heads_, -5.0F, -2.0F);
    weight_ = make.random_if(shape.at("norm") != 0, shape.dtype, dim_, 0.5F, 1.5F);
    for (auto& s : sets_) {
      s.conv = make.random(shape.dtype, tokens * conv_row_, -1.0F, 1.0F);
      s.in_proj = make.random(shape.dtype, tokens * proj_row_, -2.0F, 2.0F);
      s.out = make.output(shape.dtype, tokens * dim_);
      s.initial = make.random_if(shape.at("initial") != 0, DType::f32, states, -1.0F, 1.0F);
      s.final_state = make.output_if(shape.at("final") != 0, DType::f32, states);
      SsdArgs a;
      a.dtype = shape.dtype;
      a.batch = batch_, a.length = length_, a.heads = heads_;
      a.head_dim = head_dim_, a.groups = groups_, a.state = state_;
      a.x = {s.conv.data(), length_ * conv_row_, conv_row_};
      a.b = {s.conv.at(dim_), length_ * conv_row_, conv_row_};
      a.c = {s.conv.at(dim_ + groups_ * state_), length_ * conv_row_, conv_row_};
      a.dt = {s.in_proj.at(proj_row_ - heads_), length_ * proj_row_, proj_row_};
      const bool norm = shape.at("norm") != 0;
      if (norm || shape.at("gate") != 0) a.z = {s.in_proj.data(), length_ * proj_row_, proj_row_};
      a.a = a_.floats(), a.d = d_.floats(), a.dt_bias = bias_.floats();
      a.initial_state = s.initial.floats();
      if (norm) {
        s.squares = make.output(DType::f32, tokens * ssd_parts(heads_, head_dim_));
        a.norm_weight = weight_.data(), a.squares = static_cast<float*>(s.squares.data());
      }
      a.final_state = static_cast<float*>(s.final_state.data());
      a.out = {s.out.data(), length_ * dim_, dim_};
      const Launch launch{setup.device, nullptr, 0};
      a.chunk = ssd_chunk(a, launch);
      s.workspace = make.workspace(ssd_workspace(a, launch));
      a.workspace = s.workspace.data();
      args_.push_back(a);
    }
  }

  std::string entry() const override {  // no rival takes the norm
    return args_.front().norm_weight != nullptr ? "ssd_with_norm" : KernelProblem::entry();
  }

  void reset(std::size_t set) override {
    sets_[set].out.poison();
    sets_[set].final_state.poison();
  }

  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t b : both_ends(batch_, 2)) {
      for (const std::int64_t c : both_ends(dim_, kRows)) {
        const auto out = s.out.read(b * length_ * dim_ + c, dim_, length_, 1);
        const std::int64_t first = (b * dim_ + c) * state_;
        std::vector<double> h(static_cast<std::size_t>(state_), 0.0);
        for (std::int64_t n = 0; n < state_ && s.initial.count() > 0; ++n) {
          h[static_cast<std::size_t>(n)] = s.initial.value(first + n);
        }
        for (std::int64_t t = 0; t < length_; ++t) {
          error.add(out[static_cast<std::size_t>(t)], step(s, args_[set], b, t, c, h));
        }
        if (s.final_state.count() > 0) {
          const auto got = s.final_state.read(first, state_, 1, state_);
          for (std::size_t n = 0; n < h.size(); ++n) error.add(got[n], h[n]);
        }
      }
    }
    return error.value();
  }
  std::string sample() const override {
    return "all tokens of " + std::to_string(std::min<std::int64_t>(dim_, kRows)) +
           " state rows in " + std::to_string(std::min<std::int64_t>(batch_, 2)) + " batch rows";
  }

 private:
  static constexpr std::int64_t kRows = 4;

  double step(const Set& s, const SsdArgs& a, std::int64_t b, std::int64_t t, std::int64_t c,
              std::vector<double>& h) const {
    const std::int64_t token = b * length_ + t, head = c / head_dim_;
    const std::int64_t at = token * conv_row_ + dim_ + head * groups_ / heads_ * state_;
    const double x = s.conv.value(token * conv_row_ + c);
    const double dt =
        softplus64(s.in_proj.value((token + 1) * proj_row_ - heads_ + head) + bias_.value(head));
    const double decay = std::exp(dt * a_.value(head));
    double y = d_.value(head) * x;
    for (std::int64_t n = 0; n < state_; ++n) {
      auto& hn = h[static_cast<std::size_t>(n)];
      hn = decay * hn + dt * x * s.conv.value(at + n);
      y += s.conv.value(at + groups_ * state_ + n) * hn;
    }
    if (a.z) y *= silu64(s.in_proj.value(token * proj_row_ + c));
    return a.norm_weight != nullptr ? y * weight_.value(c) : y;
  }

  std::int64_t batch_, length_, heads_, head_dim_, groups_, state_, dim_, conv_row_, proj_row_;
  Array a_, d_, bias_, weight_;
  std::vector<Set> sets_;
};

class SsdCase : public KernelCase {
 public:
  std::string name() const override { return "ssd"; }
  std::string description() const override { return "Mamba-2 state-space duality"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"heads", "heads", 80},
            {"head_dim", "rows of the state per head", 64},
            {"groups", "groups of heads that share B and C", 1},
            {"state", "states per row", 128},
            {"gate", "multiply by SiLU(z)", 0},
            {"norm", "with the gate: the weight and the sums of the norm behind it", 0},
            {"initial", "start from a given state", 0},
            {"final", "write the final state", 1}};
  }
  std::vector<Preset> presets() const override { return mamba2_presets("heads", 1); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    if (shape.at("groups") < 1 || shape.at("heads") % shape.at("groups") != 0) {
      throw std::invalid_argument("ssd: groups must divide heads");
    }
    return std::make_unique<SsdProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_ssd_case() {
  return std::make_unique<SsdCase>();
}

}  // namespace ssmprof::kernels::bench
