// Memory that kernels need for the length of one call, kept by each thread from call to call, so
// that a run that has warmed up allocates nothing.
#pragma once

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL

/// Who holds it: a kernel that works in its scratch may call a product, which packs in its own.
enum class Scratch { packing, work };

/// At least `count` doubles, aligned to a cache line; valid until this thread asks for the same
/// again.
double* scratch(Scratch holder, Size count);

/// The same for numbers of another type, which end the life of what was there.
template <class T>
T* scratch_of(Scratch holder, Size count) {
  constexpr Size held = sizeof(double) / sizeof(T);
  return reinterpret_cast<T*>(scratch(holder, (count + held - 1) / held));
}

OVERPRUNE_END_LEVEL
