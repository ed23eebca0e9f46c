#pragma once

namespace ssmprof::harness {

/// The whole program: parses, runs one subcommand, turns every failure into one line on stderr
/// ("ssmprof: what, where, what to do") and an exit code of the table in reports/error.hpp.
int run_app(int argc, const char* const* argv);

}  // namespace ssmprof::harness
