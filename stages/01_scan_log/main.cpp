#include "common/cli/cli.h"
#include "stages/01_scan_log/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_01_scan_log(), argc, argv);
}
