#include <memory>
#include <string>

#include "probes/probe.hpp"
#if SSMPROF_HAS_CUDA
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtPayload.h>
#endif

namespace ssmprof::probes {

namespace {

#if SSMPROF_HAS_CUDA

/// Push/pop ranges in domain "ssmprof". A range is named by what its path adds to its parent's, so
/// that the nesting spells the path: "layer.03" / "ssd". The payload is the shape of the leaf's
/// output. Strings are registered once; without a tool attached every call returns at once.
class NvtxObserver : public workloads::RangeObserver {
 public:
  explicit NvtxObserver(const std::vector<workloads::RangeSpec>& ranges)
      : domain_(nvtxDomainCreateA("ssmprof")) {
    register_schema();
    events_.reserve(ranges.size());
    shapes_.reserve(ranges.size());
    payloads_.reserve(ranges.size());
    for (const auto& range : ranges) add(range, ranges);
  }
  ~NvtxObserver() override { nvtxDomainDestroy(domain_); }

  void enter(int range) override { nvtxDomainRangePushEx(domain_, &events_[range]); }
  void leave(int) override { nvtxDomainRangePop(domain_); }

 private:
  static constexpr std::size_t kMaxRank = 4;
  struct Shape {
    std::int64_t extent[kMaxRank];
  };

  void register_schema() {
    static const nvtxPayloadSchemaEntry_t entries[] = {{NVTX_PAYLOAD_ENTRY_FLAG_ARRAY_FIXED_SIZE,
                                                        NVTX_PAYLOAD_ENTRY_TYPE_INT64, "shape",
                                                        nullptr, kMaxRank, 0, nullptr, nullptr}};
    nvtxPayloadSchemaAttr_t schema{};
    schema.fieldMask = NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NAME | NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_TYPE |
                       NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_ENTRIES |
                       NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_NUM_ENTRIES |
                       NVTX_PAYLOAD_SCHEMA_ATTR_FIELD_STATIC_SIZE;
    schema.name = "shape";
    schema.type = NVTX_PAYLOAD_SCHEMA_TYPE_STATIC;
    schema.entries = entries;
    schema.numEntries = 1;
    schema.payloadStaticSize = sizeof(Shape);
    schema_ = nvtxPayloadSchemaRegister(domain_, &schema);
  }

  void add(const workloads::RangeSpec& range, const std::vector<workloads::RangeSpec>& ranges) {
    std::string name = range.id;
    if (range.parent >= 0) {
      const std::string prefix = ranges[range.parent].id + "/";
      if (name.rfind(prefix, 0) == 0) name.erase(0, prefix.size());
    }
    Shape shape{};
    for (std::size_t i = 0; i < range.shape.size() && i < kMaxRank; ++i) {
      shape.extent[i] = range.shape[i];
    }
    shapes_.push_back(shape);
    payloads_.push_back({schema_, sizeof(Shape), &shapes_.back()});

    nvtxEventAttributes_t event{};
    event.version = NVTX_VERSION;
    event.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    event.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
    event.message.registered = nvtxDomainRegisterStringA(domain_, name.c_str());
    if (!range.shape.empty()) {
      event.payloadType = NVTX_PAYLOAD_TYPE_EXT;
      event.reserved0 = 1;  // number of payloads
      event.payload.ullValue = reinterpret_cast<std::uintptr_t>(&payloads_.back());
    }
    events_.push_back(event);
  }

  nvtxDomainHandle_t domain_;
  std::uint64_t schema_ = 0;
  std::vector<nvtxEventAttributes_t> events_;
  std::vector<Shape> shapes_;
  std::vector<nvtxPayloadData_t> payloads_;
};

#endif

/// Annotates every execution for tools that listen. Measures nothing itself, but runs once, warm,
/// so that there is an annotated execution also when it is the only probe.
class NvtxProbe : public Probe {
 public:
  std::string_view name() const override { return "nvtx"; }
  std::string_view summary() const override {
    return "NVTX ranges in domain ssmprof for Nsight Systems and Nsight Compute";
  }
  Phase phase() const override { return Phase::verify; }

  Availability available(const workloads::ExecutionSpec&) const override {
#if SSMPROF_HAS_CUDA
    return {};
#else
    return {false, "built without CUDA: no NVTX headers", "configure with -DSSMPROF_CUDA=ON"};
#endif
  }

  workloads::RangeObserver* ambient(const std::vector<workloads::RangeSpec>& ranges) override {
#if SSMPROF_HAS_CUDA
    observer_ = std::make_unique<NvtxObserver>(ranges);
    return observer_.get();
#else
    (void)ranges;
    return nullptr;
#endif
  }

  void measure(workloads::Execution& execution, const ProbeOptions&, reports::Workload&) override {
    execution.run_to_token();  // not annotated: libraries set themselves up, buffers are touched
    execution.run(nullptr);
    execution.synchronize();
  }
  void missing_metrics(const Availability&, reports::Workload&) const override {}

 private:
  std::unique_ptr<workloads::RangeObserver> observer_;
};

}  // namespace

std::unique_ptr<Probe> make_nvtx_probe() {
  return std::make_unique<NvtxProbe>();
}

}  // namespace ssmprof::probes
