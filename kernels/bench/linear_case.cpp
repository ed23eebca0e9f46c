#include "kernels/bench/problem.hpp"
#include "kernels/linear.hpp"

namespace ssmprof::kernels::bench {
namespace {

struct Set {
  Array x, weight, y;
};

class LinearProblem : public KernelProblem<LinearArgs, linear> {
 public:
  LinearProblem(const Shape& shape, const Setup& setup)
      : KernelProblem(setup),
        rows_(shape.at("batch")),
        outputs_(shape.at("outputs")),
        inputs_(shape.at("inputs")) {
    const std::int64_t elements = rows_ * (inputs_ + outputs_) + outputs_ * inputs_;
    sets_.resize(
        sets_for(static_cast<std::size_t>(elements) * size_of(shape.dtype), setup.rotate_bytes));
    Inputs make(setup);
    for (auto& s : sets_) {
      s.x = make.random(shape.dtype, rows_ * inputs_, -1.0F, 1.0F);
      s.weight = make.random(shape.dtype, outputs_ * inputs_, -1.0F, 1.0F);
      s.y = make.output(shape.dtype, rows_ * outputs_);
      LinearArgs a;
      a.dtype = shape.dtype;
      a.rows = rows_, a.inputs = inputs_, a.outputs = outputs_;
      a.x = {s.x.data(), 0, inputs_};
      a.weight = s.weight.data();
      a.y = {s.y.data(), 0, outputs_};
      args_.push_back(a);
    }
  }

  void reset(std::size_t set) override { sets_[set].y.poison(); }
  double error(std::size_t set) override {
    const auto& s = sets_[set];
    RelativeError error;
    for (const std::int64_t m : both_ends(rows_, 8)) {
      const auto y = s.y.read(m * outputs_, outputs_, 1, outputs_);
      for (const std::int64_t n : both_ends(outputs_, 512)) {
        double sum = 0;
        for (std::int64_t k = 0; k < inputs_; ++k)
          sum += s.x.value(m * inputs_ + k) * s.weight.value(n * inputs_ + k);
        error.add(y[static_cast<std::size_t>(n)], sum);
      }
    }
    return error.value();
  }
  std::string sample() const override { return "up to 512 outputs of up to 8 rows"; }

 private:
  std::int64_t rows_, outputs_, inputs_;
  std::vector<Set> sets_;
};

class LinearCase : public KernelCase {
 public:
  std::string name() const override { return "linear"; }
  std::string description() const override { return "a linear layer over few rows, for decoding"; }
  std::vector<Option> options() const override {
    return {{"batch", "rows", 64},
            {"outputs", "output features", 10240},
            {"inputs", "input features", 2560}};
  }
  std::vector<Preset> presets() const override {
    const auto layer = [](const char* name, std::int64_t outputs, std::int64_t inputs) {
      return Preset{name, {{"outputs", outputs}, {"inputs", inputs}}};
    };
    return {layer("mamba-130m-in", 3072, 768),     layer("mamba-130m-x", 80, 1536),
            layer("mamba-130m-dt", 1536, 48),      layer("mamba-130m-out", 768, 1536),
            layer("mamba-130m-head", 50288, 768),  layer("mamba2-130m-in", 3352, 768),
            layer("mamba-2.8b-in", 10240, 2560),   layer("mamba-2.8b-x", 192, 5120),
            layer("mamba-2.8b-dt", 5120, 160),     layer("mamba-2.8b-out", 2560, 5120),
            layer("mamba-2.8b-head", 50288, 2560), layer("mamba2-2.7b-in", 10576, 2560)};
  }
  std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const override {
    return std::make_unique<LinearProblem>(shape, setup);
  }
};

}  // namespace

std::unique_ptr<KernelCase> make_linear_case() {
  return std::make_unique<LinearCase>();
}

}  // namespace ssmprof::kernels::bench
