package record

// skip passes over an encoded value and returns what follows it.
func (p *program) skip(src []byte) ([]byte, error) {
	var err error
	for i := range p.ops {
		if src, err = p.ops[i].skip(src); err != nil {
			return nil, err
		}
	}
	return src, nil
}

func (o *op) skip(src []byte) ([]byte, error) {
	switch o.code {
	case opInt16, opInt32, opInt64, opUint16, opUint32, opUint64:
		return skipNumbers(src, 1)
	case opTime:
		return skipNumbers(src, 3)
	case opString, opBinary, opCodec:
		_, rest, err := lengthAndBytes(src)
		return rest, err
	case opBytes:
		_, rest, err := nilOrBytes(src)
		return rest, err
	case opArray:
		return o.skipElements(src, o.n)
	case opSlice, opMap:
		return o.skipCounted(src)
	case opPointer:
		set, rest, err := flag(src)
		if err != nil || !set {
			return rest, err
		}
		return o.elem.skip(rest)
	case opSkip:
		return o.elem.skip(src)
	}
	if n := o.fixedSize(); len(src) >= n {
		return src[n:], nil
	}
	return nil, errTooShort
}

func skipNumbers(src []byte, numbers int) ([]byte, error) {
	for range numbers {
		_, n := uvarint(src)
		if n == 0 {
			return nil, errTooShort
		}
		src = src[n:]
	}
	return src, nil
}

func (o *op) skipCounted(src []byte) ([]byte, error) {
	least := o.elem.min
	if o.key != nil {
		least += o.key.min
	}
	n, src, err := count(src, least)
	if err != nil || n < 0 {
		return src, err
	}
	return o.skipElements(src, n)
}

// skipElements passes over n elements, each behind its key if there are keys. Every one of them takes at
// least a byte, so that the number of steps is bounded by src.
func (o *op) skipElements(src []byte, n int) ([]byte, error) {
	var err error
	for range n {
		if o.key != nil {
			if src, err = o.key.skip(src); err != nil {
				return nil, err
			}
		}
		if src, err = o.elem.skip(src); err != nil {
			return nil, err
		}
	}
	return src, nil
}
