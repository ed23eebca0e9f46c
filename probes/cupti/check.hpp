#pragma once

#include <cupti_result.h>
#include <string>

#include "probes/cupti/library.hpp"
#include "reports/error.hpp"

namespace ssmprof::probes::cupti {

/// A CUPTI call that failed, with its code.
struct CuptiError : reports::EnvironmentError {
  CuptiError(const Subscription& why)
      : EnvironmentError(why.finding + (why.hint.empty() ? "" : ": " + why.hint)),
        code(why.error) {}
  int code;
};

inline void check(CUptiResult status, const std::string& call) {
  if (status != CUPTI_SUCCESS) throw CuptiError(explain(status, call));
}

}  // namespace ssmprof::probes::cupti
