// Rows that stand more than 2^31 elements apart: every kernel must compute addresses in 64 bits.
#include <sys/mman.h>

#include "kernels/causal_conv1d.hpp"
#include "kernels/gate.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

#include "tests/kernels/run_cpu.hpp"
#include "tests/kernels/step_cases.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

constexpr std::int64_t rows = 4;
constexpr std::int64_t stride = (std::int64_t{1} << 30) + 64;

/// Address space for rows far apart, of which only the touched pages take memory.
class Sparse {
 public:
  Sparse() {
    void* p = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) data_ = static_cast<unsigned char*>(p);
  }
  ~Sparse() {
    if (data_ != nullptr) munmap(data_, bytes());
  }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;

  explicit operator bool() const { return data_ != nullptr; }

  /// A view of fp32 rows with the dense values of `source` at `column` of each row.
  Rows place(const ConstRows& source, std::int64_t width, std::int64_t column) {
    for (std::int64_t t = 0; t < rows; ++t) {
      std::memcpy(at(t, column), static_cast<const float*>(source.data) + t * source.row_stride,
                  static_cast<std::size_t>(width) * 4);
    }
    return {at(0, column), 0, stride};
  }
  /// Copies the rows at `column` into the dense rows `target`.
  void fetch(const Rows& target, std::int64_t width, std::int64_t column) {
    for (std::int64_t t = 0; t < rows; ++t) {
      std::memcpy(static_cast<float*>(target.data) + t * target.row_stride, at(t, column),
                  static_cast<std::size_t>(width) * 4);
    }
  }

 private:
  static constexpr std::size_t bytes() { return static_cast<std::size_t>(rows * stride) * 4; }
  float* at(std::int64_t t, std::int64_t column) {
    return reinterpret_cast<float*>(data_) + t * stride + column;
  }
  unsigned char* data_ = nullptr;
};

constexpr std::int64_t out_at = 4096;  // the column of the output

}  // namespace

TEST_CASE("kernels address rows past 2^31 elements") {
  Sparse memory;
  if (!memory) {
    WARN("no 17 GB of address space: not checked");
    return;
  }
  SECTION("scan") {
    ScanCase test({.length = rows, .channels = 20, .state = 8});
    SelectiveScanArgs args = test.args(host_place);
    const reference::Result expected = reference::selective_scan(args);
    const Rows out = args.out;
    args.u = memory.place(args.u, 20, 0);
    args.delta = memory.place(args.delta, 20, 100);
    args.b = memory.place(args.b, 8, 200);
    args.c = memory.place(args.c, 8, 300);
    args.z = memory.place(args.z, 20, 400);
    args.out = memory.place(args.out, 20, out_at);
    selective_scan(args, on_cpu());
    memory.fetch(out, 20, out_at);
    CHECK(error_of(expected.out, test.out) <= 1e-5);
  }
  SECTION("SSD") {
    SsdCase test({.length = rows, .heads = 2, .head_dim = 8, .state = 8, .gate = true});
    SsdArgs args = test.args(host_place);
    const reference::Result expected = reference::ssd(args);
    const Rows out = args.out;
    args.x = memory.place(args.x, 16, 0);
    args.b = memory.place(args.b, 8, 100);
    args.c = memory.place(args.c, 8, 200);
    args.dt = memory.place(args.dt, 2, 300);
    args.z = memory.place(args.z, 16, 400);
    args.out = memory.place(args.out, 16, out_at);
    ssd(args, on_cpu());
    memory.fetch(out, 16, out_at);
    CHECK(error_of(expected.out, test.out) <= 1e-5);
  }
  SECTION("convolution") {
    ConvCase test({.length = rows, .channels = 20});
    CausalConv1dArgs args = test.args(host_place);
    const reference::Result expected = reference::causal_conv1d(args);
    const Rows out = args.out;
    args.x = memory.place(args.x, 20, 0);
    args.out = memory.place(args.out, 20, out_at);
    causal_conv1d(args, on_cpu());
    memory.fetch(out, 20, out_at);
    CHECK(error_of(expected.out, test.out) <= 1e-5);
  }
  SECTION("norms and gate") {
    GateCase test(DType::f32, 1, rows, 20);
    GatedRmsNormArgs gated = test.norm_args(host_place, 20);
    GateArgs plain = test.args(host_place);
    const reference::Result expected_norm = reference::gated_rms_norm(gated);
    const reference::Result expected_gate = reference::gate(plain);
    const Rows out = gated.out;
    plain.y = gated.y = memory.place(gated.y, 20, 0);
    plain.z = gated.z = memory.place(gated.z, 20, 100);
    plain.out = gated.out = memory.place(gated.out, 20, out_at);
    gated_rms_norm(gated, on_cpu());
    memory.fetch(out, 20, out_at);
    CHECK(error_of(expected_norm.out, test.out) <= 1e-5);
    gate(plain, on_cpu());
    memory.fetch(out, 20, out_at);
    CHECK(error_of(expected_gate.out, test.out) <= 1e-5);

    NormCase norm({.tokens = rows, .channels = 20});
    RmsNormArgs args = norm.args(host_place);
    const reference::Result expected = reference::rms_norm(args);
    const Rows norm_out = args.out;
    args.x = memory.place(args.x, 20, 0);
    args.out = memory.place(args.out, 20, out_at);
    rms_norm(args, on_cpu());
    memory.fetch(norm_out, 20, out_at);
    CHECK(error_of(expected.out, norm.out) <= 1e-5);
  }
}
