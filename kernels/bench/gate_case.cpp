#include <algorithm>

#include "kernels/bench/presets.hpp"
#include "kernels/bench/problem.hpp"
#include "kernels/gate.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// y as the scan writes it, z inside in_proj's rows of 2 · dim.
struct Set {
  Array y, in_proj, out;
};

class GateProblem : public KernelProblem<GateArgs, gate> {
 public:
  GateProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        tokens_(shape.at("batch") * shape.at("seqlen")),
        dim_(shape.at("dim")) {
    const auto per_set = static_cast<std::size_t>(3 * tokens_ * dim_) * size_of(shape.dtype);
    sets_.resize(sets_for(per_set, setup.rotate_bytes));
    Inputs make(setup);
    for (auto& s : sets_) {
      s.y = make.random(shape.dtype, tokens_ * dim_, -2.0F, 2.0F);
      s.in_proj = make.random(shape.dtype, tokens_ * 2 * dim_, -3.0F, 3.0F);
      s.out = make.output(shape.dtype, tokens_ * dim_);
      const std::int64_t length = shape.at("seqlen");
      GateArgs a;
      a.dtype = shape.dtype;
      a.batch = shape.at("batch"), a.length = length, a.channels = dim_;
      a.y = {s.y.data(), length * dim_, dim_};
      a.z = {s.in_proj.at(dim_), length * 2 * dim_, 2 * dim_};
      a.out = {s.out.data(), length * dim_, dim_};
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override { sets_[set].out.poison(); }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t token : both_ends(tokens_, kTokens)) {
      const auto out = s.out.read(token * dim_, dim_, 1, dim_);
      for (std::int64_t c = 0; c < dim_; ++c)
        error.add(
            out[static_cast<std::size_t>(c)],
            s.y.value(token * dim_ + c) * silu64(s.in_proj.value(token * 2 * dim_ + dim_ + c)));
    }
    return error.value();
  }
  std::string sample() const override {
    return "all channels of " + std::to_string(std::min(tokens_, kTokens)) + " tokens";
  }

 private:
  static constexpr std::int64_t kTokens = 16;
  std::int64_t tokens_, dim_;
  std::vector<Set> sets_;
};

class GateCase : public KernelCase {
 public:
  std::string name() const override { return "gate"; }
  std::string description() const override { return "Mamba-1's output gate on its own"; }
  std::vector<Option> options() const override {
    return {{"batch", "sequences", 1},
            {"seqlen", "tokens per sequence", 2048},
            {"dim", "channels", 5120}};
  }
  std::vector<Preset> presets() const override { return mamba1_presets(); }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    return std::make_unique<GateProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_gate_case() {
  return std::make_unique<GateCase>();
}

}  // namespace ssmprof::kernels::bench
