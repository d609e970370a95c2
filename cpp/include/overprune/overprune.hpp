// Everything.
#pragma once

#include "overprune/build_info.hpp"
#include "overprune/features.hpp"
#include "overprune/laws.hpp"
#include "overprune/least_squares.hpp"
#include "overprune/phase.hpp"
#include "overprune/problem.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/pruning.hpp"
#include "overprune/random.hpp"
#include "overprune/schedule.hpp"
#include "overprune/simulate.hpp"
#include "overprune/spectrum.hpp"
#include "overprune/theory.hpp"
#include "overprune/types.hpp"
#include "overprune/version.hpp"
