#include "common/cli/cli.h"
#include "stages/05_segments/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_05_segments(), argc, argv);
}
