/// @file
/// The command line around any `Store`: every stage's main is one call of
/// `run`, so that a reader, a script or a grader drives all of them alike.
#pragma once

#include "common/store/stage.h"

namespace strata {

/// What the program's exit code says.
enum ExitCode : int {
  kDone = 0,           ///< all went well
  kNoSuchKey = 1,      ///< `get`: there is no such key
  kUsage = 2,          ///< usage, or input that the store cannot hold
  kDamaged = 3,        ///< damage found in a file
  kSystemRefused = 4,  ///< the operating system refused
  kTaken = 5,          ///< another process holds the store for writing
};

/// Runs the program of a stage: reads the arguments, carries out the command
/// and tells of errors in one line each. Never throws.
/// @param stage which one
/// @param argc as given to main
/// @param argv as given to main
/// @returns the process's exit code, an ExitCode
int run(const Stage& stage, int argc, char** argv);

}  // namespace strata
