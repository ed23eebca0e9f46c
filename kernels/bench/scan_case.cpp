#include <algorithm>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/selective_scan.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// One input set in the layout of the model's own pipeline: u as the conv writes it, delta as
/// dt_proj does, B and C inside x_proj's rows, z inside in_proj's.
struct Set {
  Array u, delta, x_proj, in_proj, out, initial, final_state, workspace;
};

class ScanProblem : public KernelProblem<SelectiveScanArgs, selective_scan> {
 public:
  ScanProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        batch_(shape.at("batch")),
        length_(shape.at("seqlen")),
        dim_(shape.at("dim")),
        state_(shape.at("state")),
        rank_(shape.at("dt_rank")),
        dtype_(shape.dtype) {
    const std::int64_t tokens = batch_ * length_, states = batch_ * dim_ * state_;
    const auto size = size_of(dtype_);
    const std::size_t per_set = static_cast<std::size_t>(tokens * (4 * dim_ + 2 * state_)) * size;
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    a_ = make.random(DType::f32, dim_ * state_, -16.0F, -0.5F);
    d_ = make.random(DType::f32, dim_, 0.5F, 1.5F);
    bias_ = make.random(DType::f32, dim_, -5.0F, -1.0F);
    for (auto& s : sets_) {
      s.u = make.random(dtype_, tokens * dim_, -1.0F, 1.0F);
      s.delta = make.random(dtype_, tokens * dim_, -2.0F, 2.0F);
      s.x_proj = make.random(dtype_, tokens * (rank_ + 2 * state_), -1.0F, 1.0F);
      s.in_proj = make.random(dtype_, tokens * 2 * dim_, -3.0F, 3.0F);
      s.out = make.output(dtype_, tokens * dim_);
      s.initial = make.random_if(shape.at("initial") != 0, DType::f32, states, -1.0F, 1.0F);
      s.final_state = make.output_if(shape.at("final") != 0, DType::f32, states);
      args_.push_back(args_of(s, shape));
      const Launch where{setup.device, nullptr, 0};
      s.workspace = make.workspace(selective_scan_workspace(args_.back(), where));
      args_.back().workspace = s.workspace.data();
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
        const auto out = s.out.read(b * length_ * dim_ + c, dim_, length_, 1);
        std::vector<double> h(static_cast<std::size_t>(state_), 0.0);
        for (std::int64_t n = 0; n < state_ && s.initial.count() > 0; ++n)
          h[static_cast<std::size_t>(n)] = s.initial.value((b * dim_ + c) * state_ + n);
        for (std::int64_t t = 0; t < length_; ++t)
          error.add(out[static_cast<std::size_t>(t)], step(s, args_[set], b, t, c, h));
        if (s.final_state.count() > 0) {
          const auto got = s.final_state.read((b * dim_ + c) * state_, state_, 1, state_);
          for (std::size_t n = 0; n < h.size(); ++n) error.add(got[n], h[n]);
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
  static constexpr std::int64_t kChannels = 8;

  SelectiveScanArgs args_of(const Set& s, const Shape& shape) const {
    SelectiveScanArgs a;
    a.dtype = dtype_;
    a.batch = batch_;
    a.length = length_;
    a.channels = dim_;
    a.state = state_;
    a.u = {s.u.data(), length_ * dim_, dim_};
    a.delta = {s.delta.data(), length_ * dim_, dim_};
    const std::int64_t row = rank_ + 2 * state_;
    a.b = {s.x_proj.at(rank_), length_ * row, row};
    a.c = {s.x_proj.at(rank_ + state_), length_ * row, row};
    if (shape.at("gate") != 0) a.z = {s.in_proj.at(dim_), length_ * 2 * dim_, 2 * dim_};
    a.out = {s.out.data(), length_ * dim_, dim_};
    a.a = a_.floats();
    a.d = d_.floats();
    a.delta_bias = bias_.floats();
    a.delta_softplus = shape.at("softplus") != 0;
    if (!a.delta_softplus) a.delta_bias = nullptr;
    a.initial_state = s.initial.floats();
    a.final_state = static_cast<float*>(s.final_state.data());
    return a;
  }

  double step(const Set& s, const SelectiveScanArgs& a, std::int64_t b, std::int64_t t,
              std::int64_t c, std::vector<double>& h) const {
    const std::int64_t token = b * length_ + t, row = rank_ + 2 * state_;
    const double u = s.u.value(token * dim_ + c);
    double delta = s.delta.value(token * dim_ + c);
    if (a.delta_softplus) delta = softplus64(delta + bias_.value(c));
    double y = d_.value(c) * u;
    for (std::int64_t n = 0; n < state_; ++n) {
      auto& hn = h[static_cast<std::size_t>(n)];
      hn = std::exp(delta * a_.value(c * state_ + n)) * hn +
           delta * u * s.x_proj.value(token * row + rank_ + n);
      y += s.x_proj.value(token * row + rank_ + state_ + n) * hn;
    }
    return a.z ? y * silu64(s.in_proj.value(token * 2 * dim_ + dim_ + c)) : y;
  }

  std::int64_t batch_, length_, dim_, state_, rank_;
  DType dtype_;
  Array a_, d_, bias_;
  std::vector<Set> sets_;
};

class ScanCase : public KernelCase {
 public:
  std::string name() const override { return "scan"; }
  std::string description() const override { return "Mamba-1 selective scan"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"dim", "inner channels", 5120},
            {"state", "states per channel", 16},
            {"dt_rank", "columns before B in x_proj's rows; 0: dim / 32", 0},
            {"gate", "multiply by SiLU(z)", 1},
            {"softplus", "softplus and bias of delta", 1},
            {"initial", "start from a given state", 0},
            {"final", "write the final state", 0}};
  }
  std::vector<Preset> presets() const override { return mamba1_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    Shape full = shape;
    if (full.at("dt_rank") == 0)
      full.sizes["dt_rank"] = std::max<std::int64_t>(1, full.at("dim") / 32);
    return std::make_unique<ScanProblem>(full, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_scan_case() {
  return std::make_unique<ScanCase>();
}

}  // namespace ssmprof::kernels::bench
