#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "reports/attribution.hpp"
#include "reports/report.hpp"

namespace ssmprof::probes {

/// A metric with the unit and class that reports/data/definitions.json gives its id.
/// Throws std::out_of_range for an id that is not defined there.
reports::Metric make_metric(std::string_view id, double value, std::string_view source);

/// The same, measured: value is the median, with its interval; the samples are kept.
reports::Metric make_sampled(std::string_view id, std::vector<double> samples,
                             std::string_view source);

/// An absent number and why.
reports::Metric make_missing(std::string_view id, std::string_view source,
                             const std::string& reason);

/// Adds the metric, or replaces the one with the same id.
void put(std::vector<reports::Metric>& metrics, reports::Metric metric);

/// Puts every id as missing, on the workload or on one of its ranges.
void put_missing(std::vector<reports::Metric>& metrics, std::initializer_list<std::string_view> ids,
                 std::string_view source, const std::string& reason);

using reports::find_metric;

void add_diagnostic(reports::Workload& target, std::string_view rule,
                    reports::Diagnostic::Level level, std::string message, std::string hint = "");

}  // namespace ssmprof::probes
