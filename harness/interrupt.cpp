#include "harness/interrupt.hpp"

#include <csignal>

namespace ssmprof::harness {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

extern "C" void on_signal(int signal) {
  stop_requested = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupted() {
  return stop_requested != 0;
}

}  // namespace ssmprof::harness
