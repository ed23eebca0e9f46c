#include "probes/cupti/metric_host.hpp"

#include <cupti_profiler_host.h>

#include "probes/cupti/check.hpp"

namespace ssmprof::probes::cupti {

namespace {

CUpti_Profiler_Host_Object* object(void* host) {
  return static_cast<CUpti_Profiler_Host_Object*>(host);
}

std::vector<const char*> pointers(const std::vector<std::string>& names) {
  std::vector<const char*> list;
  for (const auto& name : names) list.push_back(name.c_str());
  return list;
}

}  // namespace

std::vector<std::string> MetricHost::chips() {
  load_companions();
  CUpti_Profiler_Host_GetSupportedChips_Params params{
      CUpti_Profiler_Host_GetSupportedChips_Params_STRUCT_SIZE};
  check(cuptiProfilerHostGetSupportedChips(&params), "cuptiProfilerHostGetSupportedChips");
  return {params.ppChipNames, params.ppChipNames + params.numChips};
}

MetricHost::MetricHost(const std::string& chip, std::vector<std::uint8_t> availability)
    : chip_(chip), availability_(std::move(availability)) {
  load_companions();
  CUpti_Profiler_Host_Initialize_Params params{CUpti_Profiler_Host_Initialize_Params_STRUCT_SIZE};
  params.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
  params.pChipName = chip_.c_str();
  params.pCounterAvailabilityImage = availability_.empty() ? nullptr : availability_.data();
  check(cuptiProfilerHostInitialize(&params), "cuptiProfilerHostInitialize(" + chip + ")");
  host_ = params.pHostObject;
}

MetricHost::~MetricHost() {
  CUpti_Profiler_Host_Deinitialize_Params params{
      CUpti_Profiler_Host_Deinitialize_Params_STRUCT_SIZE};
  params.pHostObject = object(host_);
  cuptiProfilerHostDeinitialize(&params);
}

bool MetricHost::knows(const std::string& metric) const {
  CUpti_Profiler_Host_GetMetricProperties_Params params{
      CUpti_Profiler_Host_GetMetricProperties_Params_STRUCT_SIZE};
  params.pHostObject = object(host_);
  params.pMetricName = metric.c_str();
  if (cuptiProfilerHostGetMetricProperties(&params) != CUPTI_SUCCESS) return false;
  // A name without its rollup has properties too, and an unknown rollup is not refused there.
  const auto dot = metric.find('.');
  if (dot == std::string::npos) return false;
  const std::string base = metric.substr(0, dot), rollup = metric.substr(dot);
  CUpti_Profiler_Host_GetSubMetrics_Params sub{
      CUpti_Profiler_Host_GetSubMetrics_Params_STRUCT_SIZE};
  sub.pHostObject = object(host_);
  sub.metricType = params.metricType;
  sub.pMetricName = base.c_str();
  if (cuptiProfilerHostGetSubMetrics(&sub) != CUPTI_SUCCESS) return false;
  for (std::size_t i = 0; i < sub.numOfSubmetrics; ++i) {
    if (rollup == sub.ppSubMetrics[i]) return true;
  }
  return false;
}

MetricHost::Config MetricHost::configure(const std::vector<std::string>& metrics) {
  auto names = pointers(metrics);
  CUpti_Profiler_Host_ConfigAddMetrics_Params add{
      CUpti_Profiler_Host_ConfigAddMetrics_Params_STRUCT_SIZE};
  add.pHostObject = object(host_);
  add.ppMetricNames = names.data();
  add.numMetrics = names.size();
  check(cuptiProfilerHostConfigAddMetrics(&add), "cuptiProfilerHostConfigAddMetrics");

  CUpti_Profiler_Host_GetConfigImageSize_Params size{
      CUpti_Profiler_Host_GetConfigImageSize_Params_STRUCT_SIZE};
  size.pHostObject = object(host_);
  check(cuptiProfilerHostGetConfigImageSize(&size), "cuptiProfilerHostGetConfigImageSize");

  Config config;
  config.image.resize(size.configImageSize);
  CUpti_Profiler_Host_GetConfigImage_Params image{
      CUpti_Profiler_Host_GetConfigImage_Params_STRUCT_SIZE};
  image.pHostObject = object(host_);
  image.configImageSize = config.image.size();
  image.pConfigImage = config.image.data();
  check(cuptiProfilerHostGetConfigImage(&image), "cuptiProfilerHostGetConfigImage");

  CUpti_Profiler_Host_GetNumOfPasses_Params passes{
      CUpti_Profiler_Host_GetNumOfPasses_Params_STRUCT_SIZE};
  passes.configImageSize = config.image.size();
  passes.pConfigImage = config.image.data();
  check(cuptiProfilerHostGetNumOfPasses(&passes), "cuptiProfilerHostGetNumOfPasses");
  config.passes = passes.numOfPasses;
  return config;
}

std::vector<double> MetricHost::evaluate(const std::vector<std::uint8_t>& counter_data,
                                         std::size_t range,
                                         const std::vector<std::string>& metrics) const {
  auto names = pointers(metrics);
  std::vector<double> values(metrics.size());
  CUpti_Profiler_Host_EvaluateToGpuValues_Params params{
      CUpti_Profiler_Host_EvaluateToGpuValues_Params_STRUCT_SIZE};
  params.pHostObject = object(host_);
  params.pCounterDataImage = counter_data.data();
  params.counterDataImageSize = counter_data.size();
  params.rangeIndex = range;
  params.ppMetricNames = names.data();
  params.numMetrics = names.size();
  params.pMetricValues = values.data();
  check(cuptiProfilerHostEvaluateToGpuValues(&params), "cuptiProfilerHostEvaluateToGpuValues");
  return values;
}

}  // namespace ssmprof::probes::cupti
