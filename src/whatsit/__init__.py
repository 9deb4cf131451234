"""whatsit"""
