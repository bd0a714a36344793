package userstatus

// Value is what an update says about one property. The zero Value is absent: the property is not touched. An empty
// string and null are values like any other; Graph tells the three apart, and so do we.
type Value[T any] struct {
	v     T
	given bool
	null  bool
}

// Of returns a Value that asks for v.
func Of[T any](v T) Value[T] { return Value[T]{v: v, given: true} }

// Null returns a Value that asks for null.
func Null[T any]() Value[T] { return Value[T]{given: true, null: true} }

// Absent reports whether the property is not to be touched.
func (v Value[T]) Absent() bool { return !v.given }

// IsNull reports whether null is asked for.
func (v Value[T]) IsNull() bool { return v.null }

// Get returns the value asked for; ok is false when the Value is absent or null.
func (v Value[T]) Get() (value T, ok bool) { return v.v, v.given && !v.null }

// Ptr returns the value asked for, or nil when the Value is absent or null.
func (v Value[T]) Ptr() *T {
	if !v.given || v.null {
		return nil
	}
	return &v.v
}
