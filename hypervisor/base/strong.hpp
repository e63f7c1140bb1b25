// SPDX-License-Identifier: MIT
//
// Strong integers: one distinct type per unit, no implicit conversions in either direction.
#pragma once
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace hv {

enum class Unit : std::uint8_t { point, name };

/// A number in unit @p Tag. Equality and ordering always; arithmetic only where the unit is a point on a line (frame
/// numbers, addresses): point + count = point, point - point = count.
template <typename Tag, std::unsigned_integral Rep, Unit unit> class Strong {
public:
    using rep = Rep;

    constexpr Strong() = default;
    constexpr explicit Strong(Rep value) : value_{value} {}

    [[nodiscard]] constexpr Rep raw() const { return value_; }

    friend constexpr auto operator<=>(Strong, Strong) = default;

    friend constexpr Strong operator+(Strong p, Rep n) requires(unit == Unit::point)
    {
        return Strong{static_cast<Rep>(p.value_ + n)};
    }
    friend constexpr Rep operator-(Strong a, Strong b) requires(unit == Unit::point) { return a.value_ - b.value_; }
    constexpr Strong& operator++() requires(unit == Unit::point)
    {
        ++value_;
        return *this;
    }

private:
    Rep value_{};
};
template <typename Tag> using Point = Strong<Tag, std::uint64_t, Unit::point>;
template <typename Tag, typename Rep> using Name = Strong<Tag, Rep, Unit::name>;

} // namespace hv
