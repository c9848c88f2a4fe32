package main

import "sync"

// failing is a group of goroutines of which the first error counts. Ready to use.
type failing struct {
	// stop is called with the first error, if it is set: to end the others.
	stop    func()
	running sync.WaitGroup
	once    sync.Once
	err     error
}

func (f *failing) run(work func() error) {
	f.running.Go(func() {
		if err := work(); err != nil {
			f.once.Do(func() { f.fail(err) })
		}
	})
}

func (f *failing) fail(err error) {
	f.err = err
	if f.stop != nil {
		f.stop()
	}
}

func (f *failing) wait() error {
	f.running.Wait()
	return f.err
}
