#include "harness/app.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>

#include "harness/command.hpp"
#include "harness/failure.hpp"
#include "harness/interrupt.hpp"
#include "harness/invocation.hpp"
#include "harness/names.hpp"
#include "harness/usage_failure.hpp"

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
    "            4 incomparable (with --strict also ambiguous), 70 internal error,\n"
    "            130 interrupted";

int fail(reports::ExitCode code, const std::string& message) {
  std::cout.flush();
  std::cerr << "ssmprof: " << one_line(message) << '\n';
  return static_cast<int>(code);
}

constexpr const char* kEmptyValue = "the value is empty: give one or leave the option out";

/// An option that is named has a value: `-o ""` is a variable that was not set, not "no report".
void refuse_empty_values(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_expected_max() == 0) continue;  // a flag
    option->check([](const std::string& v) { return std::string(v.empty() ? kEmptyValue : ""); });
  }
}

/// The first argument `--option=` with nothing behind the sign, where the parser would take the
/// next argument as the value; or "".
std::string option_without_value(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--") break;
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      return argument.substr(0, argument.size() - 1);
    }
  }
  return "";
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const CLI::App* command = &app;
  std::string name;
  for (const CLI::App* sub : app.get_subcommands()) command = sub, name = " " + sub->get_name();
  return fail(reports::ExitCode::usage,
              usage_failure(*command, error) + " (see 'ssmprof" + name + " --help')");
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
    refuse_empty_values(*sub);
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
  if (const auto option = option_without_value(argc, argv); !option.empty()) {
    return fail(reports::ExitCode::usage, option + ": " + kEmptyValue);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  }
  try {
    install_interrupt_handler();
    const int code = static_cast<int>(chosen->run());
    if (!std::cout.flush()) {
      return fail(reports::ExitCode::environment,
                  "standard output: could not be written: is the disk full, or the reader gone?");
    }
    return code;
  } catch (...) {
    const Failure failure = failure_of(std::current_exception());
    return fail(failure.code, failure.line);
  }
}

}  // namespace ssmprof::harness
