// What an execution opens is what its plan lists.
#include <set>

#include "workloads/plan.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;

namespace {

/// Keeps the stack of open ranges and checks nesting as it goes.
class Recorder : public RangeObserver {
 public:
  explicit Recorder(const std::vector<RangeSpec>& ranges) : ranges_(ranges) {}

  void enter(int range) override {
    REQUIRE(range >= 0);
    REQUIRE(range < static_cast<int>(ranges_.size()));
    const RangeSpec& spec = ranges_[static_cast<std::size_t>(range)];
    REQUIRE(spec.parent == (open_.empty() ? -1 : open_.back()));
    if (!open_.empty()) REQUIRE_FALSE(ranges_[static_cast<std::size_t>(open_.back())].leaf);
    open_.push_back(range);
    entered.push_back(range);
  }
  void leave(int range) override {
    REQUIRE_FALSE(open_.empty());
    REQUIRE(open_.back() == range);
    open_.pop_back();
  }
  bool closed() const { return open_.empty(); }

  std::vector<int> entered;

 private:
  const std::vector<RangeSpec>& ranges_;
  std::vector<int> open_;
};

}  // namespace

TEST_CASE("every planned range is opened once, in order", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const auto mode = GENERATE(Mode::prefill, Mode::decode);
  const bool fusion = GENERATE(false, true);
  const auto logits = GENERATE(Logits::last, Logits::all);
  ExecutionSpec spec = spec_of(backend);
  spec.mode = mode, spec.fusion = fusion, spec.logits = logits;
  spec.batch = 2, spec.length = 5;
  ModelConfig config = hosted_config(family);
  // Without biases and with one norm group, a fused prefill has no gated norm of its own.
  if (GENERATE(false, true)) config.use_bias = false, config.norm_group_size = config.d_inner;
  const auto checkpoint = loud_checkpoint(config);
  const auto model = make_model(checkpoint, spec);
  const auto execution = model->prepare(spec, {}, 1);
  const auto planned = plan_ranges(checkpoint->config, spec);
  REQUIRE(execution->ranges().size() == planned.size());
  for (int repeat = 0; repeat < 2; ++repeat) {
    Recorder recorder(execution->ranges());
    execution->run(&recorder);
    REQUIRE(recorder.closed());
    REQUIRE(recorder.entered.size() == planned.size());
    for (std::size_t i = 0; i < planned.size(); ++i) {
      CHECK(recorder.entered[i] == static_cast<int>(i));
      CHECK(execution->ranges()[i].id == planned[i].id);
    }
  }
}

}  // namespace ssmprof::workloads
