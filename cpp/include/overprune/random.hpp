// Random numbers: a counter-based generator keyed by (seed, stream, purpose).
//
// Every number is a pure function of its key and its position. So results do not depend on threads,
// blocks or restarts, and are bitwise the same on every machine. A trial's number is its stream.
#pragma once

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// The use of a stream's numbers. Different purposes of one (seed, stream) are independent.
enum class Purpose : std::uint32_t {
  user = 0,      ///< `standard_normal` called by the user
  design = 1,    ///< rows x of the design matrix, or the inputs a of random features
  noise = 2,     ///< noise of the responses
  scores = 3,    ///< scores of the random pruning rule
  rows = 4,      ///< training rows drawn from a data set
  features = 5,  ///< weights of random features
  bias = 6,      ///< phases of cos features
  draws = 7,     ///< draws of the coefficients' law in `predict`
  signal = 8,    ///< coefficients of a finite problem drawn from a Spectrum
  paths = 9,     ///< Gaussian paths of iterative pruning's theory
  probes = 10,   ///< random directions that look for small singular values
};

/// The key of a stream: a seed, a stream of that seed, and a purpose.
struct StreamKey {
  std::uint64_t seed = 0;           ///< any number
  std::uint64_t stream = 0;         ///< which of the seed's streams; trials use their number
  Purpose purpose = Purpose::user;  ///< what the numbers are for
};

/// Standard normals number first, ..., first + count - 1 of a stream, by Philox4x32-10 with 53 bits
/// and Box-Muller.
/// @param key    which stream
/// @param first  position of the first, below 2^49
/// @param count  how many, at least 0
/// @param out    (count) contiguous
/// @param workers  threads, at least 1; the numbers do not depend on it
/// @throws std::invalid_argument for positions or workers out of range
/// Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, 2011.
void standard_normal(StreamKey key, std::uint64_t first, Index count, double* out,
                     Index workers = 1);

/// Uniforms in [0, 1) with 53 bits, addressed as in `standard_normal`.
/// @param key    which stream
/// @param first  position of the first, below 2^49
/// @param count  how many, at least 0
/// @param out    (count) contiguous
/// @param workers  threads, at least 1; the numbers do not depend on it
/// @throws std::invalid_argument for positions or workers out of range
void uniform(StreamKey key, std::uint64_t first, Index count, double* out, Index workers = 1);

/// `count` distinct integers of 0, ..., population - 1, in random order (partial Fisher-Yates
/// shuffle).
/// @param key         which stream
/// @param population  number of integers
/// @param count       how many are drawn
/// @return (count)
/// @throws std::invalid_argument unless 0 <= count <= population
Indices sample_without_replacement(StreamKey key, Index population, Index count);
/// The same into memory that is kept from call to call.
/// @param key         which stream
/// @param population  number of integers
/// @param count       how many are drawn
/// @param items       of any length before, (count) after
/// @throws std::invalid_argument unless 0 <= count <= population
void sample_without_replacement(StreamKey key, Index population, Index count, Indices& items);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
