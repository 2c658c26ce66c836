package cause

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLine(t *testing.T) {
	for _, row := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"nothing", []string{"", " \n"}, ""},
		{"one line", []string{"boom"}, "boom"},
		{"the first text that says something", []string{" ", "first\nsecond", "third"}, "first"},
		{"tags and entities", []string{`<span class="ansi-red-fg">NameError</span>: name &#39;x&#39; is not defined`}, "NameError: name 'x' is not defined"},
		{"comparisons are no tags", []string{"a < b and c > d"}, "a < b and c > d"},
		{"escapes", []string{"\x1b[0;31mValueError\x1b[0m: bad\n"}, "ValueError: bad"},
		{"escapes in entities", []string{"&#27;[31mred&#27;[0m"}, "red"},
		{"a traceback ends with its message", []string{"Traceback (most recent call last):\n  File \"x\", line 1\nZeroDivisionError: division by zero\n"}, "ZeroDivisionError: division by zero"},
		{"an IPython traceback", []string{"-------\nZeroDivisionError   Traceback (most recent call last)\n----> 1 1/0\n\nZeroDivisionError: division by zero"}, "ZeroDivisionError: division by zero"},
		{"a message between rules", []string{"----------\nThe library failed to load\n----------\n"}, "The library failed to load"},
		{"a rule at the end", []string{"Py4JError: x\n-------"}, "Py4JError: x"},
		{"nothing but rules", []string{"---\n---", "the other"}, "the other"},
		{"Spark's statement", []string{"ParseException: bad\n== SQL ==\nselect password"}, "ParseException: bad"},
		{"Windows line ends", []string{"first\r\nsecond\r\n"}, "first"},
	} {
		assert.Equal(t, row.want, Line(row.texts...), row.name)
	}
}

func TestText(t *testing.T) {
	assert.Equal(t, "Workload failed, see <run> output", Text("-----\n<b>Workload</b> failed,\n\x1b[1m see &lt;run&gt; output\x1b[0m\n-----\n"))
	assert.Empty(t, Text(" \n---"))
}
