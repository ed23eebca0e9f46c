#include "../catch.hpp"
#include "mamba2_gpu.cuh"

using namespace mamba2_gpu;

namespace {

// A bf16 rounding leaves 0.144 % of a component's norm. With D·x the outputs' own rounding leads:
// 0.2 % holds. Without it the rounded scores or states add theirs: √(1 + 1 + 1) · 0.144 % = 0.25 %.
constexpr double kBf16 = 2.0e-3, kBf16Alone = 2.9e-3, kF16 = 4e-4, kF32 = 1e-5;

SsdCase shape(std::int64_t batch, std::int64_t length, std::int64_t heads, std::int64_t head_dim,
              std::int64_t groups, std::int64_t state) {
  SsdCase c;
  c.batch = batch, c.length = length, c.heads = heads;
  c.head_dim = head_dim, c.groups = groups, c.state = state;
  return c;
}

void require_close(const SsdCase& c, double out, double state) {
  if (!has_device()) SUCCEED("SKIPPED: no CUDA device");
  if (!has_device()) return;
  CAPTURE(c.batch, c.length, c.heads, c.head_dim, c.groups, c.state, name_of(c.dtype));
  SsdProblem p(c);
  const auto e = p.check();
  CHECK(e.out <= out);
  CHECK(e.state <= state);
  CHECK(e.squares <= out);
  const auto first = p.out().host<std::uint32_t>();
  const auto first_state = p.final_state().host<std::uint32_t>();
  const auto first_squares = p.squares().host<std::uint32_t>();
  p.poison();
  p.run();
  cuda_ok(cudaDeviceSynchronize());
  CHECK(first == p.out().host<std::uint32_t>());
  CHECK(first_state == p.final_state().host<std::uint32_t>());
  CHECK(first_squares == p.squares().host<std::uint32_t>());
}

}  // namespace

TEST_CASE("the CUDA SSD follows the fp64 recurrence at any length") {
  const auto length = GENERATE(1, 2, 63, 64, 65, 127, 128, 129, 1000, 4097);
  require_close(shape(2, length, 4, 64, 1, 128), kBf16, kBf16);
}

TEST_CASE("the CUDA SSD takes any state size") {
  const auto state = GENERATE(1, 12, 16, 38, 64, 100, 115, 128, 192, 200, 256);
  SsdCase c = shape(2, 333, 4, 64, 2, state);
  c.initial = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD takes any head size, with the gate") {
  const auto head_dim = GENERATE(5, 12, 32, 64, 80, 128);
  SsdCase c = shape(1, 500, 6, head_dim, 2, 128);
  c.initial = c.gate = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD takes any groups and any alignment") {
  SsdCase c = shape(2, 700, 16, 64, GENERATE(1, 2, 8, 16), 128);
  c.pad = GENERATE(0, 1, 2);
  c.gate = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD weighs for a norm at any length and head size") {
  SsdCase c = shape(2, GENERATE(1, 63, 65, 1000), 6, GENERATE(12, 64, 80, 128), 2, 128);
  c.norm = c.initial = true;
  c.pad = GENERATE(0, 4, 3);
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD weighs for a norm at any state size and element type") {
  SsdCase c = shape(1, GENERATE(129, 2048), 24, 64, 1, GENERATE(16, 38, 128, 256));
  c.norm = c.initial = true;
  require_close(c, kBf16, kBf16);
  c.dtype = DType::f16;
  require_close(c, kF16, kF16);
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
}

TEST_CASE("the CUDA SSD weighs for a norm in packed sequences and one head of odd size") {
  SsdCase c = shape(1, 1000, 4, 64, 1, 128);
  c.norm = c.initial = true;
  c.starts = {0, 1, 1, 65, 130, 400, 1000};
  require_close(c, kBf16, kBf16);
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
  c = shape(2, 300, 1, GENERATE(7, 20, 66), 1, 64);
  c.norm = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD leaves the sums that its gated outputs have without a norm") {
  if (!has_device()) return;
  SsdCase c = shape(2, 700, 6, 64, 1, 128);
  c.gate = true;
  SsdProblem gated(c);
  c.norm = true;
  SsdProblem weighed(c);
  gated.run(), weighed.run();
  cuda_ok(cudaDeviceSynchronize());
  const auto rows = gated.out().host<std::uint16_t>();
  const auto squares = weighed.squares().host<float>();
  REQUIRE(rows.size() == squares.size() * 64);
  for (std::size_t i = 0; i < squares.size(); ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < 64; ++k) {
      const std::uint32_t bits = static_cast<std::uint32_t>(rows[i * 64 + k]) << 16;
      float v;
      std::memcpy(&v, &bits, 4);
      sum += static_cast<double>(v) * v;
    }
    if (std::abs(squares[i] - sum) > 0.008 * sum) FAIL("sum " << i << ": " << squares[i]);
  }
}

TEST_CASE("the CUDA SSD over many chunks with few stages in flight") {
  SsdCase c = shape(3, 4100, 24, 64, 1, GENERATE(128, 256));
  c.gate = GENERATE(false, true);
  c.initial = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD over two segments, of which one block alone computes the state") {
  SsdCase c = shape(1, 100, 2, 64, 1, GENERATE(128, 256));
  c.gate = c.initial = GENERATE(false, true);
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD's element types") {
  SsdCase c = shape(1, 2048, 24, 64, 1, 128);
  c.initial = true;
  c.dtype = DType::f16;
  require_close(c, kF16, kF16);
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
}

TEST_CASE("the CUDA SSD splits the time to fill the card", "[large]") {
  SsdCase c = shape(1, GENERATE(65, 300, 512, 1000, 2048, 5000), GENERATE(2, 24, 80), 64, 1,
                    GENERATE(64, 128, 256));
  c.initial = true;
  require_close(c, kBf16, kBf16);
}

TEST_CASE("the CUDA SSD's optional arguments") {
  SsdCase c = shape(2, 700, 6, 64, 1, 128);
  SECTION("no bias, no softplus, limits") {
    c.bias = c.softplus = false;
    c.dt_lo = 0.001, c.dt_hi = 0.1;
    require_close(c, kBf16, kBf16);
    c.dt_min = 0.01F, c.dt_max = 0.05F;
    require_close(c, kBf16, kBf16);
  }
  SECTION("no skip") {
    c.skip = false;
    require_close(c, kBf16Alone, kBf16);
  }
}

TEST_CASE("the CUDA SSD under strong, weak and vanishing decays") {
  SsdCase c = shape(1, 2000, 6, 64, 1, 128);
  c.initial = true;
  SECTION("A·dt down to -20") {
    c.dt_lo = 0, c.dt_hi = 1, c.a_lo = -20, c.a_hi = -15;
  }
  SECTION("A·dt about -1e-5") {
    c.a_lo = -1e-3, c.a_hi = -9e-4, c.dt_lo = -6, c.dt_hi = -4;
  }
  SECTION("mixed") {
    c.a_lo = -16, c.a_hi = -1e-3, c.dt_lo = -12, c.dt_hi = 4;
  }
  SECTION("dt to zero and above the softplus threshold") {
    c.dt_lo = -100, c.dt_hi = 30;
  }
  require_close(c, kBf16Alone, kBf16);
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
}

TEST_CASE("the CUDA SSD keeps packed sequences apart") {
  SsdCase c = shape(1, 1000, 4, 64, 1, GENERATE(38, 128));
  c.starts = {0, 1, 1, 65, 130, 400, 1000};
  c.initial = true;
  c.gate = GENERATE(false, true);
  require_close(c, kBf16, kBf16);
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
}

// Small shapes of every form, for compute-sanitizer, to the end of the next case.
TEST_CASE("the CUDA SSD in its forms without a cluster", "[small]") {
  SsdCase c = shape(1, 64, 2, 64, 1, 128);
  c.initial = true;
  SECTION("plain") {
    require_close(c, kBf16, kBf16);
  }
  SECTION("with the gate and the norm") {
    c.norm = true;
    require_close(c, kBf16, kBf16);
  }
  SECTION("with the gate, not through the copy engine") {
    c.gate = true, c.pad = 1;
    require_close(c, kBf16, kBf16);
  }
  SECTION("one panel of states, two groups, part of a row tile") {
    c.state = 38, c.groups = 2, c.head_dim = 80;
    require_close(c, kBf16, kBf16);
  }
  SECTION("four panels") {
    c.state = 256;
    require_close(c, kBf16, kBf16);
  }
  SECTION("packed sequences, several chunks") {
    c.length = 130;
    c.starts = {0, 1, 66, 130};
    require_close(c, kBf16, kBf16);
  }
  SECTION("the recurrence") {
    c.dtype = DType::f32;
    require_close(c, kF32, kF32);
  }
}

TEST_CASE("the CUDA SSD in its forms with a cluster", "[small]") {
  SsdCase c = shape(1, 130, 2, 64, 1, 128);
  c.initial = true;
  SECTION("one launch") {
    require_close(c, kBf16, kBf16);
  }
  SECTION("one launch with the norm") {
    c.norm = true;
    require_close(c, kBf16, kBf16);
  }
  SECTION("two launches, four panels") {
    c.state = 256;
    require_close(c, kBf16, kBf16);
  }
  SECTION("two launches, not through the copy engine") {
    c.gate = true, c.pad = 1;
    require_close(c, kBf16, kBf16);
  }
}

TEST_CASE("the CUDA SSD over 131072 tokens", "[large]") {
  SsdCase c = shape(1, 131072, 2, 64, 1, 128);
  require_close(c, kBf16, kBf16);
  c.a_lo = -1e-2, c.a_hi = -1e-3;
  require_close(c, kBf16Alone, kBf16);
  c.heads = 1;
  c.dtype = DType::f32;
  require_close(c, kF32, kF32);
}

TEST_CASE("the CUDA SSD indexes beyond 2^31 elements", "[large]") {
  if (!has_device()) return;
  std::size_t free = 0, total = 0;
  cuda_ok(cudaMemGetInfo(&free, &total));
  if (free < (std::size_t{40} << 30)) {
    WARN("SKIPPED: less than 40 GiB of device memory");
    return;
  }
  // The last sequence of the batch alone must give the same bits as inside the whole.
  SsdCase c = shape(220, 2048, 80, 64, 1, 128);
  SsdProblem whole(c);
  REQUIRE(c.batch * c.length * c.heads * c.head_dim > (std::int64_t{1} << 31));
  whole.poison();
  whole.run();
  cuda_ok(cudaDeviceSynchronize());
  const std::int64_t row = c.heads * c.head_dim, count = c.length * row;
  std::vector<std::uint16_t> inside(count), alone(count);
  const auto* out = static_cast<const std::uint16_t*>(whole.out().get());
  cuda_ok(
      cudaMemcpy(inside.data(), out + (c.batch - 1) * count, count * 2, cudaMemcpyDeviceToHost));
  SsdArgs last = whole.args;
  last.batch = 1;
  const auto move = [&](ConstRows& r) {
    if (r) r.data = static_cast<const std::uint16_t*>(r.data) + (c.batch - 1) * r.batch_stride;
  };
  move(last.x), move(last.b), move(last.c), move(last.dt);
  last.out.data = whole.out().get();
  last.final_state = nullptr;
  Buffer workspace(ssd_workspace(last, whole.launch));
  last.workspace = workspace.get();
  ssd(last, whole.launch);
  cuda_ok(cudaMemcpy(alone.data(), out, count * 2, cudaMemcpyDeviceToHost));
  double difference = 0, norm = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = [](std::uint16_t v) {
      std::uint32_t w = static_cast<std::uint32_t>(v) << 16;
      float f;
      std::memcpy(&f, &w, 4);
      return static_cast<double>(f);
    };
    const double a = value(inside[i]), b = value(alone[i]);
    difference += (a - b) * (a - b);
    norm += b * b;
  }
  CHECK(std::sqrt(difference / norm) <= kBf16);
}

TEST_CASE("the CUDA SSD can be captured, and in place of its initial state") {
  if (!has_device()) return;
  SsdCase c = shape(1, 2048, 24, 64, 1, 128);
  c.initial = true;
  SsdProblem p(c);
  p.poison();
  p.run();
  cuda_ok(cudaDeviceSynchronize());
  const auto out = p.out().host<std::uint32_t>();
  const auto state = p.final_state().host<std::uint32_t>();
  p.poison();
  cuda_ok(cudaMemcpy(p.final_state().get(), p.args.initial_state, p.final_state().bytes(),
                     cudaMemcpyDeviceToDevice));
  SsdArgs args = p.args;
  args.initial_state = args.final_state;
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  cuda_ok(cudaStreamCreate(&stream));
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  Launch launch = p.launch;
  launch.stream = stream;
  ssd(args, launch);
  cuda_ok(cudaStreamEndCapture(stream, &graph));
  cuda_ok(cudaGraphInstantiate(&executable, graph, 0));
  cuda_ok(cudaGraphLaunch(executable, stream));
  cuda_ok(cudaStreamSynchronize(stream));
  CHECK(out == p.out().host<std::uint32_t>());
  CHECK(state == p.final_state().host<std::uint32_t>());
  cuda_ok(cudaGraphExecDestroy(executable));
  cuda_ok(cudaGraphDestroy(graph));
  cuda_ok(cudaStreamDestroy(stream));
}
