// The source of the GPU's selective scan on the host (tests/kernels/emulated): its indices and
// barriers against fp64. What the instructions really do, only a device can tell.
#include "kernels/cuda/selective_scan_fast.cuh"

#include "tests/catch.hpp"
#include "tests/kernels/cases.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;
using cuda::ScanLayout;

namespace {

template <class L, int kAhead, bool kApart, bool kAligned = true, class T = cpu::Bf16>
void check_form(ScanShape shape) {
  if (shape.state == 16) shape.state = L::kAll;
  shape.dtype = std::is_same_v<T, cpu::Bf16> ? DType::bf16 : DType::f16;
  ScanCase test(shape);
  const SelectiveScanArgs args = test.args(host_place);
  const reference::Result expected = reference::selective_scan(args);
  auto& machine = emulated::Machine::get();
  const std::int64_t items = args.sequences ? args.sequences.count : args.batch;
  const auto blocks = static_cast<int>((args.channels + L::kChannels - 1) / L::kChannels);
  for (machine.row_of_blocks = 0; machine.row_of_blocks < items; ++machine.row_of_blocks)
    machine.run(blocks, kApart ? 128 * L::kParts : L::kThreads, L::kBytes, 1,
                [&] { cuda::scan_fast_kernel<T, L, 1, kAhead, kApart, kAligned>({args}); });
  INFO("lanes " << L::kLanes << " states " << L::kStates << " groups " << L::kGroups << " part "
                << L::kPart << " ahead " << kAhead << " length " << shape.length << " channels "
                << shape.channels << " N " << shape.state);
  CHECK(error_of(expected.out, test.out) <= 3e-3);
  CHECK(test.out.gaps_untouched());
  if (shape.final) CHECK(error_of(expected.state, test.final_state) <= 5e-5);
}

template <class L, int kAhead, bool kApart = false>
void check_all() {
  for (const std::int64_t length : {1, 31, 32, 33, 64, 65, 127, 170})
    check_form<L, kAhead, kApart>(
        {.length = length, .channels = L::kChannels + L::kPart, .initial = true});
  check_form<L, kAhead, kApart>({.batch = 2, .length = 40, .channels = 2 * L::kPart});
  check_form<L, kAhead, kApart>({.length = 70, .channels = L::kPart, .gap = 8});
  check_form<L, kAhead, kApart, false>(
      {.length = 70, .channels = L::kPart, .state = L::kAll - 3, .initial = true});
  ScanShape shape{.length = 150, .channels = L::kChannels, .initial = true};
  shape.starts = {0, 1, 65, 65, 97, 150};
  check_form<L, kAhead, kApart>(shape);
  check_form<L, kAhead, kApart, true, cpu::F16>({.length = 45, .channels = L::kChannels});
  shape = {.length = 45, .channels = L::kChannels, .gate = false, .d = false, .bias = true};
  check_form<L, kAhead, kApart>(shape);
  shape.gate = true, shape.softplus = shape.final = false;
  check_form<L, kAhead, kApart>(shape);
}

}  // namespace

TEST_CASE("the scan's source on the host: blocks of a scheduler per warp") {
  check_all<ScanLayout<8, 2, 3, false, 4>, 2, true>();
  check_all<ScanLayout<8, 2, 4, false, 4>, 2>();
}

TEST_CASE("the scan's source on the host: eight lanes per channel") {
  check_all<ScanLayout<8, 2, 5, false>, 2>();
  check_all<ScanLayout<8, 2, 10, false, 2, 8>, 2>();
  check_all<ScanLayout<8, 2, 10, false>, 2>();
  check_all<ScanLayout<8, 2, 4, false>, 2>();
}

TEST_CASE("the scan's source on the host: four lanes per channel") {
  check_all<ScanLayout<4, 4, 4, true>, 1>();
  check_all<ScanLayout<4, 2, 4, true>, 1>();
}

TEST_CASE("the scan's source on the host: more states") {
  check_all<ScanLayout<8, 4, 4, false>, 1>();
  check_all<ScanLayout<8, 6, 4, false>, 1>();
  check_all<ScanLayout<8, 8, 4, false>, 1>();
}
