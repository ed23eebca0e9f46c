#include "harness/app.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "harness/command.hpp"
#include "harness/interrupt.hpp"
#include "harness/invocation.hpp"
#include "harness/names.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  ssmprof profile --model mamba2-130m --seqlen 512 --backend torch,native\n"
    "  ssmprof profile --model ./my-checkpoint --mode decode --batch 1,8 -o run.json\n"
    "  ssmprof prune --model mamba2-130m --score magnitude --ratio .1,.5 -o pruned.json\n"
    "  ssmprof compare baseline.json candidate.json\n"
    "  ssmprof verify --model ./my-checkpoint\n"
    "\n"
    "Exit codes: 0 ok, 1 regression or mismatch, 2 usage or bad input, 3 environment,\n"
    "            4 incomparable (with --strict also ambiguous), 130 interrupted";

/// Folds a message of any library into one line.
std::string one_line(std::string text) {
  if (auto end = text.find('\n'); end != std::string::npos) text.resize(end);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

int fail(reports::ExitCode code, const std::string& message) {
  std::cout.flush();
  std::cerr << "ssmprof: " << one_line(message) << '\n';
  return static_cast<int>(code);
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  std::string command;
  for (const CLI::App* sub : app.get_subcommands()) command = " " + sub->get_name();
  return fail(reports::ExitCode::usage,
              one_line(error.what()) + " (see 'ssmprof" + command + " --help')");
}

}  // namespace

int run_app(int argc, const char* const* argv) {
  CLI::App app{"Profiles and characterizes Mamba-1 and Mamba-2 models", "ssmprof"};
  app.set_version_flag("--version", "ssmprof " + tool_version());
  app.require_subcommand(1);
  app.footer(kExamples);

  auto commands = make_commands();
  Command* chosen = nullptr;
  for (auto& command : commands) {
    CLI::App* sub =
        app.add_subcommand(std::string(command->name()), std::string(command->summary()));
    command->declare(*sub);
    sub->callback([&chosen, raw = command.get()] { chosen = raw; });
  }
  record_invocation(argc, argv);

  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> known;
    for (const auto& command : commands) known.emplace_back(command->name());
    if (std::find(known.begin(), known.end(), argv[1]) == known.end()) {
      return fail(reports::ExitCode::usage,
                  std::string("unknown command '") + argv[1] + "': use " + listed(known, "or"));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  }
  try {
    install_interrupt_handler();
    return static_cast<int>(chosen->run());
  } catch (const reports::Error& error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(reports::ExitCode::environment,
                "not enough memory for this run: use a smaller model, batch or length");
  } catch (const std::exception& error) {
    return fail(reports::ExitCode::environment, error.what());
  }
}

}  // namespace ssmprof::harness
