#pragma once

namespace ssmprof::harness {

/// The first SIGINT or SIGTERM asks the run to stop after the current execution; the second ends
/// the process at once.
void install_interrupt_handler();

bool interrupted();

}  // namespace ssmprof::harness
