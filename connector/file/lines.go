package file

import (
	"bufio"
	"bytes"
	"io"
)

// lines cuts a text into lines.
type lines struct {
	in     *bufio.Reader
	offset int64 // of what comes next
	max    int
	long   []byte // a line that did not fit into the buffer
}

func newLines(text io.Reader, offset int64, maxLine int) *lines {
	return &lines{in: bufio.NewReaderSize(text, 256<<10), offset: offset, max: maxLine}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// next returns the next line without its end, valid until the next call. Of a line that is too long it
// returns the beginning. At the end of the text the error is io.EOF.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	first := l.offset == 0
	line, err = l.in.ReadSlice('\n')
	l.offset += int64(len(line))
	if err == bufio.ErrBufferFull {
		line, tooLong, err = l.rest(line)
	}
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, false, err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if first {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	return line, tooLong || len(line) > l.max, nil
}

// rest reads the rest of a line that is larger than the buffer, and keeps as much of it as is allowed.
func (l *lines) rest(begin []byte) (line []byte, tooLong bool, err error) {
	l.long = append(l.long[:0], begin...)
	for err = bufio.ErrBufferFull; err == bufio.ErrBufferFull; {
		var more []byte
		more, err = l.in.ReadSlice('\n')
		l.offset += int64(len(more))
		if len(l.long)+len(more) <= l.max+2 {
			l.long = append(l.long, more...)
		} else {
			tooLong = true
		}
	}
	return l.long, tooLong, err
}
