/// @file
/// Every disk that a crash could have left of a batch, to be listed, opened and
/// laid out: the program of docs/crash_consistency.md. `crash_states --help`
/// tells what it can do.
#include "common/cli/session.h"
#include "common/os/terminal.h"
#include "tests/crash_states/arguments.h"
#include "tests/crash_states/commands.h"

int main(int argc, char** argv) {
  strata::turn_write_signals_into_errors();
  strata::occupy_standard_descriptors();
  try {
    return strata::crash_states::run(strata::crash_states::parse(argc, argv));
  } catch (...) {
    const strata::CommandError error = strata::current_error();
    strata::Stage program;
    program.name = "crash_states";
    strata::tell(program, error.what());
    return error.code();
  }
}
